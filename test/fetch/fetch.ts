/**
 * Brings the cache folder up to what `bundles.ts` lists: for each bundle download → unpack → manifest,
 * then the products. The manifest is written after each step, so an interrupted run continues; what
 * fails does not keep the rest from being made.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AptRoot,
  downloadPackages,
  FetchError,
  hostArchitecture,
  openAptRoot,
  type ResolvedPackage,
  resolveBundle,
} from './apt.js';
import {
  BUNDLES,
  type Bundle,
  busyboxBundle,
  DEBIAN,
  KERNELS,
  kernelBundle,
  NEW_PASST,
  OPENSBI,
  PASST,
  QEMU_SCRIPTS,
  QEMU_TARGETS,
  QEMU_TOOLS,
  QEMUS,
  QMP_PYTHON,
  qemuBundle,
  SERVICE_ROOT,
  SOURCES,
} from './bundles.js';
import { locate } from './cache.js';
import { DEBIAN_RECIPE, makeDebian } from './debian/make.js';
import {
  type Manifest,
  type PackageEntry,
  readManifest,
  withBundle,
  withProduct,
  writeManifest,
} from './manifest.js';
import {
  initramfsRecipe,
  makeKernel,
  makeNewPasst,
  makeOpensbi,
  makePasst,
  makeQemu,
  makeQemuScripts,
  makeQemuTools,
  makeQmpPython,
  type ProductFiles,
  QEMU_RECIPE,
  recipeHash,
} from './products.js';
import { makeServiceRoot, SERVICE_ROOT_RECIPE } from './service-root/make.js';
import { ensureSource } from './source-packages.js';
import { unpackAll } from './unpack.js';

export interface FetchOptions {
  readonly cache: string;
  /** Look for newer packages even when the manifest has all. */
  readonly refresh: boolean;
  /** Names of products: these, and what they are made of and with, alone. None: everything. */
  readonly only: readonly string[];
  log(line: string): void;
}

export interface Product {
  readonly name: string;
  readonly bundles: readonly string[];
  /** Other products that it is made with; what they are does not show in it. */
  readonly tools?: readonly string[];
  /** What else the files depend on, beside the packages. */
  readonly recipe: readonly unknown[];
  make(trees: readonly string[]): Promise<ProductFiles>;
}

export interface Failure {
  /** What could not be brought or made, for this one reason. */
  readonly names: string[];
  readonly error: FetchError;
}

/** A product with all that it is made with, before it. */
function withTools(all: readonly Product[], name: string): Product[] {
  const product = all.find((candidate) => candidate.name === name);
  if (product === undefined) {
    const names = all.map((candidate) => candidate.name).join(', ');
    throw new FetchError(`expected one of ${names}, got ${name}`);
  }
  return [...(product.tools ?? []).flatMap((tool) => withTools(all, tool)), product];
}

/** The products that are wanted, in the order to make them. */
export function wantedProducts(all: readonly Product[], only: readonly string[]): Product[] {
  return only.length === 0 ? [...all] : [...new Set(only.flatMap((name) => withTools(all, name)))];
}

/** Resolves with the failures; none when everything is in place. */
export async function fetchAll(options: FetchOptions): Promise<Failure[]> {
  const failures: Failure[] = [];
  const attempt = async (name: string, action: () => Promise<void>) => {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof FetchError)) throw error;
      const same = failures.find((failure) => failure.error.message === error.message);
      if (same === undefined) failures.push({ names: [name], error });
      else same.names.push(name);
      options.log(`${name}: failed`);
    }
  };
  const roots = new Map<string, Promise<AptRoot>>();
  let wanted: Product[] = [];
  await attempt(options.only.join(', '), async () => {
    wanted = wantedProducts(products(options), options.only);
  });
  for (const bundle of BUNDLES.filter(({ name }) => wanted.some(({ bundles }) => bundles.includes(name)))) {
    await attempt(bundle.name, () => ensureBundle(options, bundle, roots));
  }
  for (const source of SOURCES.filter(({ name }) => wanted.some(({ bundles }) => bundles.includes(name)))) {
    await attempt(source.name, () => ensureSource(options, source));
  }
  for (const product of wanted) {
    await attempt(product.name, () => ensureProduct(options, product));
  }
  if (failures.length === 0) await rm(join(options.cache, 'apt'), { recursive: true, force: true });
  return failures;
}

async function ensureBundle(
  { cache, refresh, log }: FetchOptions,
  bundle: Bundle,
  roots: Map<string, Promise<AptRoot>>,
): Promise<void> {
  const definition = recipeHash(bundle, String(bundle.dependencies));
  const present = readManifest(cache).bundles[bundle.name];
  if (!refresh && present?.definition === definition) return;
  const architecture = bundle.architecture === 'host' ? await hostArchitecture() : bundle.architecture;
  const key = `${bundle.suites.join('+')}-${architecture}`;
  const existing = roots.get(key);
  if (existing === undefined) log(`${bundle.name}: reading package lists of ${bundle.suites.join(', ')}`);
  const opening = existing ?? openAptRoot(join(cache, 'apt', key), bundle.suites, architecture);
  roots.set(key, opening);
  const root = await opening;
  const wanted = await resolveBundle(root, bundle);
  if (present?.definition === definition && isSame(present.packages, wanted)) return;
  log(`${bundle.name}: downloading ${wanted.length} package${wanted.length === 1 ? '' : 's'}`);
  const archives = await downloadPackages(root, wanted);
  log(`${bundle.name}: unpacking`);
  const tree = join('trees', bundle.name);
  const packages = await unpackAll(archives, join(cache, tree), bundle.form);
  const entry = { definition, tree, packages, fetchedAt: new Date().toISOString() };
  await writeManifest(cache, withBundle(readManifest(cache), bundle.name, entry));
  await Promise.all(archives.map((archive) => rm(archive)));
}

function isSame(present: readonly PackageEntry[], wanted: readonly ResolvedPackage[]): boolean {
  const versions = new Map(present.map(({ name, version }) => [name, version]));
  return (
    versions.size === wanted.length && wanted.every(({ name, version }) => versions.get(name) === version)
  );
}

export function products({ cache, log }: FetchOptions): Product[] {
  const kernels = KERNELS.map((kernel): Product => {
    return {
      name: `kernel-${kernel.version}-${kernel.architecture}`,
      bundles: [kernelBundle(kernel), busyboxBundle(kernel)],
      recipe: [kernel, initramfsRecipe(kernel)],
      make: ([tree = '', busybox = '']) => makeKernel(cache, kernel, { kernel: tree, busybox }),
    };
  });
  const qemus = QEMUS.map((qemu): Product => {
    return {
      name: `qemu-${qemu.version}`,
      bundles: [qemuBundle(qemu)],
      recipe: [QEMU_TARGETS, cache, QEMU_RECIPE],
      make: ([tree = '']) => makeQemu(cache, qemu, tree),
    };
  });
  const opensbi: Product = {
    name: 'opensbi',
    bundles: [OPENSBI],
    recipe: ['riscv64'],
    make: ([tree = '']) => makeOpensbi(cache, tree),
  };
  const qemuTools: Product = {
    name: 'qemu-tools',
    bundles: [QEMU_TOOLS],
    recipe: [cache],
    make: ([tree = '']) => makeQemuTools(cache, tree),
  };
  const serviceRoot: Product = {
    name: 'service-root',
    bundles: [SERVICE_ROOT],
    recipe: SERVICE_ROOT_RECIPE,
    make: ([tree = '']) => makeServiceRoot(cache, tree),
  };
  const passt: Product = {
    name: 'passt',
    bundles: [PASST],
    recipe: [],
    make: ([tree = '']) => makePasst(cache, tree),
  };
  const newPasst: Product = {
    name: NEW_PASST,
    bundles: [NEW_PASST],
    recipe: [cache],
    make: ([tree = '']) => makeNewPasst(cache, tree),
  };
  const qmpPython: Product = {
    name: QMP_PYTHON,
    bundles: [QMP_PYTHON],
    recipe: [],
    make: ([tree = '']) => makeQmpPython(cache, tree),
  };
  const qemuScripts: Product = {
    name: QEMU_SCRIPTS,
    bundles: [QEMU_SCRIPTS],
    recipe: [],
    make: ([tree = '']) => makeQemuScripts(cache, tree),
  };
  const debian: Product = {
    name: 'debian',
    bundles: [DEBIAN, 'linux-6.12-riscv64', 'busybox-riscv64'],
    tools: ['kernel-6.12-riscv64', 'qemu-11.1'],
    recipe: DEBIAN_RECIPE,
    make: ([archives = '', kernel = '', busybox = '']) =>
      makeDebian(cache, { archives, kernel, busybox }, (line) => log(`debian: ${line}`)),
  };
  return [
    ...kernels,
    ...qemus,
    opensbi,
    qemuTools,
    passt,
    newPasst,
    qmpPython,
    qemuScripts,
    debian,
    serviceRoot,
  ];
}

async function ensureProduct({ cache, log }: FetchOptions, product: Product): Promise<void> {
  const manifest = readManifest(cache);
  const bundles = product.bundles.map((name) => manifest.bundles[name]);
  const recipe = recipeHash(product.recipe, bundles);
  if (isComplete(cache, manifest, product.name, recipe)) return;
  const trees: string[] = [];
  for (const bundle of bundles) {
    // The bundle's own failure has been reported.
    if (bundle === undefined) return;
    trees.push(join(cache, bundle.tree));
  }
  const files = await product.make(trees);
  const named = BUNDLES.find(({ name }) => name === product.bundles[0])?.packages[0];
  const packages = bundles[0]?.packages ?? [];
  const version = (packages.find(({ name }) => name === named) ?? packages[0])?.version ?? '';
  await writeManifest(cache, withProduct(readManifest(cache), product.name, { recipe, files, version }));
  log(`${product.name}: ready`);
}

function isComplete(cache: string, manifest: Manifest, name: string, recipe: string): boolean {
  const product = manifest.products[name];
  if (product?.recipe !== recipe) return false;
  return !('missing' in locate(cache, manifest, name, Object.keys(product.files)));
}
