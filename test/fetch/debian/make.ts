/**
 * Makes the Debian guest of its packages: a tree, a disk of the tree, the second stage in the guest itself, and beside
 * the disk its initramfs and the keys to log in with. Needs neither root nor a way to run the guest's programs here.
 */
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { FetchError } from '../apt.js';
import { findInCache } from '../cache.js';
import { collectModules } from '../kernel-modules.js';
import { decompress, findFile, type ProductFiles } from '../products.js';
import { debianCommandLine } from './command-line.js';
import { DISK_MIB, finishDisk, makeDisk } from './disk.js';
import { makeKeyPair } from './key-pair.js';
import { DEBIAN_PACKAGES, GUEST_MODULES, LEFT_OUT } from './packages.js';
import { buildRootInitramfs, ROOT_INIT, ROOT_MODULES } from './root-initramfs.js';
import { runSecondStage, SECOND_STAGE, secondStage } from './second-stage.js';
import { guestSettings, HOST_NAME } from './settings.js';
import { addModules, addSettings, unpackPackages } from './tree.js';

/** Raised when a step is changed in what it makes, for what is not in the recipe by itself. */
const REVISION = 1;

/** Files by their roles; `commandLine` is for people, who do not import it. */
const NAMES = {
  image: 'disk.img',
  initrd: 'initrd.cpio',
  key: 'id_ed25519',
  knownHosts: 'known_hosts',
  commandLine: 'command-line',
} as const;

/** What the image depends on beside its packages and its kernel. */
export const DEBIAN_RECIPE = [
  ...[REVISION, NAMES, DEBIAN_PACKAGES, GUEST_MODULES, LEFT_OUT, ROOT_MODULES, ROOT_INIT, DISK_MIB],
  ...[guestSettings({ hostPrivateKey: '', authorizedKey: '' }), secondStage(''), debianCommandLine()],
];

export interface DebianSources {
  /** A folder of `.deb` files. */
  readonly archives: string;
  /** The unpacked kernel, and busybox for the initramfs. */
  readonly kernel: string;
  readonly busybox: string;
}

export async function makeDebian(
  cache: string,
  sources: DebianSources,
  log: (line: string) => void,
): Promise<ProductFiles> {
  const found = findInCache(cache);
  const [qemu, kernel] = [found.qemu('11.1', 'riscv64'), found.kernel('6.12')];
  if ('missing' in qemu) throw new FetchError(qemu.missing);
  if ('missing' in kernel) throw new FetchError(kernel.missing);
  const directory = join(cache, 'debian');
  const work = `${directory}.partial`;
  const [root, scratch] = [join(work, 'root'), join(work, 'scratch')];
  await rm(work, { recursive: true, force: true });
  for (const folder of [root, scratch]) await mkdir(folder, { recursive: true });
  await chmod(root, 0o755);

  log('unpacking');
  const owners = await unpackPackages(sources.archives, root, scratch);
  const modules = await findModules(sources.kernel);
  await addModules(root, modules.release, await modules.collect(GUEST_MODULES), modules.folder);
  const [user, host] = [makeKeyPair('baton'), makeKeyPair(HOST_NAME)];
  const keys = { hostPrivateKey: host.privateKey, authorizedKey: `${user.publicKey} baton` };
  const script = { path: SECOND_STAGE, text: secondStage(modules.release), mode: 0o755 };
  await addSettings(root, [...guestSettings(keys), script]);

  log('making the disk');
  const path = (name: string) => join(work, name);
  const busybox = await readFile(await findFile(sources.busybox, /\/bin\/busybox$/));
  await writeFile(path(NAMES.initrd), buildRootInitramfs(busybox, await modules.collect(ROOT_MODULES)));
  await writeFile(path(NAMES.key), user.privateKey, { mode: 0o600 });
  await writeFile(path(NAMES.knownHosts), `${HOST_NAME} ${host.publicKey}\n`);
  await writeFile(path(NAMES.commandLine), `${debianCommandLine()}\n`);
  await makeDisk(path(NAMES.image), root, owners);

  log('configuring the packages in the guest, in some minutes');
  await runSecondStage({
    ...{ image: path(NAMES.image), kernel: kernel.image, initrd: path(NAMES.initrd) },
    ...{ log: path('second-stage.log'), qemu: qemu.argvPrefix },
  });
  await finishDisk(path(NAMES.image));

  for (const folder of [root, scratch]) await rm(folder, { recursive: true });
  await rm(directory, { recursive: true, force: true });
  await rename(work, directory);
  const files = Object.entries(NAMES).map(([role, name]) => [role, join('debian', name)]);
  return { kernel: relative(cache, kernel.image), ...Object.fromEntries(files) };
}

/** The modules of an unpacked kernel, with the folder that is named by its release. */
async function findModules(tree: string) {
  const folder = dirname(await findFile(tree, /\/modules\/[^/]+\/kernel$/));
  const collect = (names: readonly string[]) => collectModules(folder, names, decompress);
  return { folder, release: basename(folder), collect };
}
