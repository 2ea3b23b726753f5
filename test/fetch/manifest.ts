/**
 * The cache folder's table of contents, `manifest.json`: which packages were unpacked (versions and
 * hashes) and which usable files were made of them. Written last and atomically, so that whatever it
 * names is complete; an interrupted run continues from what it names.
 */
import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FORMAT = 1;

export interface PackageEntry {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly sha256: string;
}

export interface BundleEntry {
  /** Hash of the bundle's definition: another definition is fetched anew. */
  readonly definition: string;
  /** The unpacked tree, relative to the cache folder. */
  readonly tree: string;
  readonly packages: readonly PackageEntry[];
  readonly fetchedAt: string;
}

export interface ProductEntry {
  /** Hash of all that the product was made from: another recipe is made anew. */
  readonly recipe: string;
  /** Name of the file's role to its path, relative to the cache folder. */
  readonly files: Readonly<Record<string, string>>;
  readonly version: string;
}

export interface Manifest {
  readonly format: number;
  readonly bundles: Readonly<Record<string, BundleEntry>>;
  readonly products: Readonly<Record<string, ProductEntry>>;
}

const EMPTY: Manifest = { format: FORMAT, bundles: {}, products: {} };

/** An absent manifest, or one of another format or that is no JSON, is an empty one: fetch again. */
export function readManifest(directory: string): Manifest {
  let text: string;
  try {
    text = readFileSync(join(directory, 'manifest.json'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY;
    throw error;
  }
  try {
    const value = JSON.parse(text) as Manifest;
    return value.format === FORMAT && value.bundles && value.products ? value : EMPTY;
  } catch {
    return EMPTY;
  }
}

export async function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  await mkdir(directory, { recursive: true });
  const temporary = join(directory, 'manifest.json.new');
  await writeFile(temporary, `${JSON.stringify(manifest, null, 2)}\n`);
  await rename(temporary, join(directory, 'manifest.json'));
}

export function withBundle(manifest: Manifest, name: string, entry: BundleEntry): Manifest {
  return { ...manifest, bundles: { ...manifest.bundles, [name]: entry } };
}

export function withProduct(manifest: Manifest, name: string, entry: ProductEntry): Manifest {
  return { ...manifest, products: { ...manifest.products, [name]: entry } };
}
