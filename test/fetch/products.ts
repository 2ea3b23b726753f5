/**
 * Makes usable files of unpacked packages: a kernel is an image with an initramfs, a QEMU is a wrapper
 * script that runs it with the libraries it was built for, OpenSBI is its two firmware images, passt its program.
 * Paths returned are relative to the cache folder.
 */
import { createHash } from 'node:crypto';
import { chmod, copyFile, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { execa } from 'execa';
import { FetchError } from './apt.js';
import { type KernelEntry, NEW_PASST, QEMU_TARGETS, type QemuEntry } from './bundles.js';
import { buildInitramfs, INIT, wantedModules } from './initramfs.js';
import { collectModules } from './kernel-modules.js';

export type ProductFiles = Record<string, string>;

/** A product's recipe: everything that its files depend on, so that a change makes it anew. */
export function recipeHash(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

export const initramfsRecipe = ({ architecture }: KernelEntry) => [INIT, wantedModules(architecture)];

export async function makeKernel(
  cache: string,
  kernel: KernelEntry,
  trees: { kernel: string; busybox: string },
): Promise<ProductFiles> {
  const directory = join(cache, 'kernels', `${kernel.version}-${kernel.architecture}`);
  await mkdir(directory, { recursive: true });
  const image = await findFile(trees.kernel, /\/vmlinu[xz](-[^/]*)?$/);
  const modules = await collectModules(
    dirname(await findFile(trees.kernel, /\/modules\/[^/]+\/kernel$/)),
    wantedModules(kernel.architecture),
    decompress,
  );
  const busybox = await readFile(await findFile(trees.busybox, /\/bin\/busybox$/));
  await copyFile(image, join(directory, 'Image'));
  await writeFile(join(directory, 'initramfs.cpio'), buildInitramfs(busybox, modules));
  const name = relative(cache, directory);
  return { image: join(name, 'Image'), initrd: join(name, 'initramfs.cpio') };
}

export async function decompress(path: string): Promise<Uint8Array> {
  if (!path.endsWith('.xz')) return readFile(path);
  try {
    const { stdout } = await execa('xz', ['--decompress', '--stdout', path], {
      encoding: 'buffer',
      timeout: 60_000,
    });
    return stdout;
  } catch (cause) {
    throw new FetchError(`expected \`xz\` to unpack ${basename(path)}: install the package xz-utils`, {
      cause,
    });
  }
}

/** One wrapper per target. The program's own loader is called, so the machine's libraries do not matter. */
export async function makeQemu(cache: string, qemu: QemuEntry, tree: string): Promise<ProductFiles> {
  const loader = await findFile(tree, /\/ld-linux[^/]*\.so\.\d+$/);
  const moduleParent = await findFile(tree, /\/usr\/lib\/[^/]*-linux-gnu\/qemu$/);
  const libraries = dirname(moduleParent);
  const libraryPath = [libraries, libraries.replace('/usr/lib/', '/lib/')].join(':');
  const data = ['qemu', 'seabios', 'opensbi'].map((name) => `-L '${join(tree, 'usr/share', name)}'`);
  data.push(`-L '${join(tree, 'usr/lib/ipxe/qemu')}'`);
  await wallOffModules(moduleParent, moduleParent.slice(tree.length));
  const files: ProductFiles = {};
  await mkdir(join(cache, 'bin'), { recursive: true });
  for (const target of QEMU_TARGETS) {
    const program = join(tree, 'usr/bin', `qemu-system-${target}`);
    await stat(program);
    const name = join('bin', `qemu-system-${target}-${qemu.version}`);
    const script = [
      '#!/bin/sh',
      '# Written by `npm run fetch`: an unpacked Debian QEMU with the libraries it was built for.',
      `export QEMU_MODULE_DIR='${moduleParent}'`,
      `exec '${loader}' --inhibit-cache --library-path '${libraryPath}' \\`,
      `  '${program}' ${data.join(' ')} "$@"`,
    ];
    await writeFile(join(cache, name), `${script.join('\n')}\n`);
    await chmod(join(cache, name), 0o755);
    files[target] = name;
  }
  return files;
}

/** Part of the recipe of a QEMU: its files are more than the wrapper. */
export const QEMU_RECIPE = 'modules of the machine walled off';

/**
 * A module that the tree lacks is looked for in the machine's own folder, and one of another build there makes QEMU
 * abort (`-dump-vmstate` loads all). A link to itself in its place ends the search.
 */
export async function wallOffModules(own: string, machines: string): Promise<void> {
  const foreign = await readdir(machines).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  for (const name of foreign.filter((file) => file.endsWith('.so'))) {
    const isThere = await lstat(join(own, name)).then(
      () => true,
      () => false,
    );
    if (!isThere) await symlink(name, join(own, name));
  }
}

/** `qemu-img` and `qemu-storage-daemon`, with the libraries they were built for. */
export function makeQemuTools(cache: string, tree: string): Promise<ProductFiles> {
  return makePrograms(cache, tree, { 'qemu-img': 'qemu-img', 'qemu-storage-daemon': 'qemu-storage-daemon' });
}

/** By the names they get: one may be there in several versions. */
async function makePrograms(
  cache: string,
  tree: string,
  programs: Readonly<Record<string, string>>,
): Promise<ProductFiles> {
  const loader = await findFile(tree, /\/ld-linux[^/]*\.so\.\d+$/);
  const libraries = dirname(await findFile(tree, /\/usr\/lib\/[^/]*-linux-gnu\/libc\.so\.6$/));
  await mkdir(join(cache, 'bin'), { recursive: true });
  const files: ProductFiles = {};
  for (const [name, tool] of Object.entries(programs)) {
    const program = await findFile(tree, new RegExp(`/usr/bin/${tool}$`));
    files[name] = join('bin', name);
    const script = [
      '#!/bin/sh',
      '# Written by `npm run fetch`: an unpacked Debian program with the libraries it was built for.',
      `exec '${loader}' --inhibit-cache --library-path '${libraries}' '${program}' "$@"`,
    ];
    await writeFile(join(cache, 'bin', name), `${script.join('\n')}\n`);
    await chmod(join(cache, 'bin', name), 0o755);
  }
  return files;
}

export async function makeOpensbi(cache: string, tree: string): Promise<ProductFiles> {
  const dynamic = await findFile(tree, /\/riscv64-linux-gnu\/opensbi\/generic\/fw_dynamic\.bin$/);
  const jump = await findFile(tree, /\/riscv64-linux-gnu\/opensbi\/generic\/fw_jump\.bin$/);
  return { dynamic: relative(cache, dynamic), jump: relative(cache, jump) };
}

/** Needs no more than the machine's own C library. */
export async function makePasst(cache: string, tree: string): Promise<ProductFiles> {
  return { program: relative(cache, await findFile(tree, /\/usr\/bin\/passt$/)) };
}

/** Newer than the machine's C library may be. */
export function makeNewPasst(cache: string, tree: string): Promise<ProductFiles> {
  return makePrograms(cache, tree, { [NEW_PASST]: 'passt' });
}

/** QEMU's own clients in Python: `modules` is a folder for PYTHONPATH. */
export async function makeQmpPython(cache: string, tree: string): Promise<ProductFiles> {
  const library = await findFile(tree, /\/qemu\/qmp\/qmp_client\.py$/);
  const shell = await findFile(tree, /\/bin\/qmp-shell$/);
  return { modules: relative(cache, join(library, '../../..')), shell: relative(cache, shell) };
}

export async function makeQemuScripts(cache: string, tree: string): Promise<ProductFiles> {
  return { analyze: relative(cache, await findFile(tree, /\/analyze-migration\.py$/)) };
}

export async function findFile(tree: string, pattern: RegExp): Promise<string> {
  const paths = (await readdir(tree, { recursive: true })).map((entry) => `${tree}/${entry}`);
  const found = paths.filter((path) => pattern.test(path)).sort()[0];
  if (found === undefined) throw new FetchError(`expected a file matching ${pattern} in ${tree}, found none`);
  return found;
}
