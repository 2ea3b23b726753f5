/**
 * The guest's root file system as a folder of the host: all packages unpacked, what is not wanted left out, dpkg's
 * database and our settings written. Modes are right here, owners are not: who builds need not be root, so owners are
 * returned and set in the image.
 */
import { chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { KernelModule } from '../kernel-modules.js';
import { dpkgDatabase } from './dpkg-database.js';
import { type PackageArchive, type PackagedFile, readPackageArchive } from './package-archive.js';
import { LEFT_OUT } from './packages.js';
import type { Setting } from './settings.js';

const UNPACK_DEADLINE_MS = 120_000;
const UNPACKERS = 4;

export interface Ownership {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
}

/** Unpacks the `.deb` files of a folder; resolves with the files that do not belong to root. */
export async function unpackPackages(archives: string, root: string, scratch: string): Promise<Ownership[]> {
  const packages: PackageArchive[] = [];
  const unpack = async (name: string) => {
    const archive = join(archives, name);
    packages.push(await readPackageArchive(archive, join(scratch, name)));
    await execa('dpkg-deb', ['--extract', archive, root], { timeout: UNPACK_DEADLINE_MS });
  };
  const names = (await readdir(archives)).filter((file) => file.endsWith('.deb')).sort();
  // It brings the links from /bin to /usr/bin and the like, which must be there before anything goes through them.
  const isFirst = (name: string) => name.startsWith('base-files_');
  for (const name of names.filter(isFirst)) await unpack(name);
  const rest = names.filter((name) => !isFirst(name)).values();
  const worker = async () => {
    for (const name of rest) await unpack(name);
  };
  await Promise.all(Array.from({ length: UNPACKERS }, worker));
  packages.sort((left, right) => (left.path < right.path ? -1 : 1));
  const conffiles = new Map<string, Buffer>();
  for (const { parts } of packages) {
    for (const path of (parts.get('conffiles')?.data.toString() ?? '').split('\n')) {
      if (path.startsWith('/')) conffiles.set(path, await readFile(join(root, path)));
    }
  }
  for (const folder of LEFT_OUT) await empty(join(root, folder));
  for (const { name, data, mode } of dpkgDatabase(packages, (path) => conffiles.get(path) ?? Buffer.of())) {
    await put(root, { path: `var/lib/dpkg/${name}`, text: data, mode });
  }
  const masters = join(root, 'usr/share/base-passwd');
  const [users, groups] = await Promise.all(
    ['passwd.master', 'group.master'].map((name) => readFile(join(masters, name), 'utf8')),
  );
  await put(root, { path: 'etc/passwd', text: users ?? '' });
  await put(root, { path: 'etc/group', text: groups ?? '' });
  const files = packages.flatMap((archive) => archive.files);
  return foreignOwners(files, numbers(users ?? ''), numbers(groups ?? ''));
}

/** The folder stays: what is in it is left out. */
async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
}

/** Names to numbers, of a file such as /etc/passwd or /etc/group. */
export function numbers(text: string): Map<string, number> {
  const lines = text.split('\n').map((line) => line.split(':'));
  return new Map(lines.filter(([name]) => name).map(([name = '', , id]) => [name, Number(id)]));
}

/** Those files of packages that belong to another user or group than root, each once. */
export function foreignOwners(
  files: readonly PackagedFile[],
  users: ReadonlyMap<string, number>,
  groups: ReadonlyMap<string, number>,
): Ownership[] {
  const found = new Map<string, Ownership>();
  for (const { path, owner, group } of files) {
    if (owner === 'root' && group === 'root') continue;
    const [uid, gid] = [users.get(owner), groups.get(group)];
    if (uid === undefined || gid === undefined) {
      throw new Error(`expected an owner that base-passwd knows, got ${owner}/${group} for ${path}`);
    }
    found.set(path, { path, uid, gid });
  }
  return [...found.values()];
}

export async function addSettings(root: string, settings: readonly Setting[]): Promise<void> {
  for (const setting of settings) {
    if ('text' in setting) await put(root, setting);
    else {
      const path = join(root, setting.path);
      await makeFolder(root, dirname(setting.path));
      await rm(path, { force: true });
      await symlink(setting.link, path);
    }
  }
  await chmod(join(root, 'root/.ssh'), 0o700);
}

/** `source`: the folder of the kernel's own list of what it has built in, which depmod reads. */
export async function addModules(
  root: string,
  release: string,
  modules: readonly KernelModule[],
  source: string,
): Promise<void> {
  const folder = `usr/lib/modules/${release}`;
  for (const { name, data } of modules) {
    await put(root, { path: `${folder}/kernel/${name}.ko`, text: Buffer.from(data) });
  }
  for (const name of ['modules.order', 'modules.builtin', 'modules.builtin.modinfo']) {
    await cp(join(source, name), join(root, folder, name));
  }
}

/** Modes are set, not asked for: the umask is the builder's. */
async function put(
  root: string,
  { path, text, mode = 0o644 }: { path: string; text: string | Buffer; mode?: number },
): Promise<void> {
  await makeFolder(root, dirname(path));
  await writeFile(join(root, path), text);
  await chmod(join(root, path), mode);
}

async function makeFolder(root: string, folder: string): Promise<void> {
  if (folder === '.') return;
  await makeFolder(root, dirname(folder));
  try {
    await mkdir(join(root, folder));
    await chmod(join(root, folder), 0o755);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
