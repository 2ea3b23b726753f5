/**
 * Looks up what `npm run fetch` has put into the cache folder. Reads the manifest once; whatever is
 * absent comes back as `missing` with a sentence that a skipped suite can print as its reason.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { NEW_PASST } from './bundles.js';
import { type Manifest, readManifest } from './manifest.js';

export type KernelVersion = '6.12' | '7.2';
export type KernelArchitecture = 'riscv64' | 'amd64';
export type QemuVersion = '10.0' | '11.1';
export type QemuTarget = 'riscv64' | 'x86_64';

export interface Missing {
  readonly missing: string;
}

export interface KernelFiles {
  /** As `-kernel` takes it: riscv64's uncompressed Image, amd64's bzImage. */
  readonly image: string;
  /** An uncompressed newc archive; another archive may be appended at a multiple of four bytes. */
  readonly initrd: string;
}

/** Debian for riscv64 on a disk, with systemd, sshd and the guest agent. */
export interface DebianFiles {
  /** A raw ext4. It is everybody's: run a copy of it, or a snapshot over it. */
  readonly image: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The private key of who may log in as root. */
  readonly key: string;
  /** The guest's host key under the name `baton-debian` (ssh's HostKeyAlias). */
  readonly knownHosts: string;
}

export interface Cache {
  readonly directory: string;
  /** 7.2 is there for riscv64, the default, alone. */
  kernel(version: KernelVersion, architecture?: KernelArchitecture): KernelFiles | Missing;
  qemu(version: QemuVersion, target: QemuTarget): { readonly argvPrefix: readonly string[] } | Missing;
  /** OpenSBI for the generic platform: `path` is fw_dynamic.bin, `jump` fw_jump.bin. */
  opensbi(): { readonly path: string; readonly jump: string } | Missing;
  /** For making images, and for serving them from a process of its own. */
  qemuTools(): { readonly img: string; readonly storageDaemon: string } | Missing;
  /** A network process without privileges, for `stream` nics. */
  passt(): { readonly path: string } | Missing;
  /** One that knows `--vhost-user`. */
  newPasst(): { readonly path: string } | Missing;
  /** QEMU's own QMP clients: a folder for PYTHONPATH, and the program qmp-shell, which needs it. */
  qmpPython(): { readonly modules: string; readonly shell: string } | Missing;
  /** QEMU's own reader of migration files. */
  analyzeMigration(): { readonly path: string } | Missing;
  debian(): DebianFiles | Missing;
  /** The root folder of a Debian with systemd; not to be written into. */
  serviceRoot(): { readonly path: string } | Missing;
}

/** $BATON_CACHE, else $XDG_CACHE_HOME/baton, else ~/.cache/baton. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.BATON_CACHE) return environment.BATON_CACHE;
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'baton');
}

export function findInCache(directory: string = cacheDirectory()): Cache {
  const manifest = readManifest(directory);
  const find = <Role extends string>(product: string, roles: readonly Role[]) =>
    locate(directory, manifest, product, roles);
  return {
    directory,
    kernel(version, architecture = 'riscv64') {
      const found = find(`kernel-${version}-${architecture}`, ['image', 'initrd']);
      return 'missing' in found ? found : found.paths;
    },
    qemu(version, target) {
      const found = find(`qemu-${version}`, [target]);
      return 'missing' in found ? found : { argvPrefix: [found.paths[target]] };
    },
    opensbi() {
      const found = find('opensbi', ['dynamic', 'jump']);
      return 'missing' in found ? found : { path: found.paths.dynamic, jump: found.paths.jump };
    },
    qemuTools() {
      const found = find('qemu-tools', ['qemu-img', 'qemu-storage-daemon']);
      if ('missing' in found) return found;
      return { img: found.paths['qemu-img'], storageDaemon: found.paths['qemu-storage-daemon'] };
    },
    passt() {
      const found = find('passt', ['program']);
      return 'missing' in found ? found : { path: found.paths.program };
    },
    newPasst() {
      const found = find(NEW_PASST, [NEW_PASST]);
      return 'missing' in found ? found : { path: found.paths[NEW_PASST] };
    },
    serviceRoot() {
      const found = find('service-root', ['root']);
      return 'missing' in found ? found : { path: found.paths.root };
    },
    qmpPython() {
      const found = find('qemu-qmp-python', ['modules', 'shell']);
      return 'missing' in found ? found : found.paths;
    },
    analyzeMigration() {
      const found = find('qemu-scripts', ['analyze']);
      return 'missing' in found ? found : { path: found.paths.analyze };
    },
    debian() {
      const found = find('debian', ['image', 'kernel', 'initrd', 'key', 'knownHosts']);
      return 'missing' in found ? found : found.paths;
    },
  };
}

/** Absolute paths of a product's files by role, when all of them are there. */
export function locate<Role extends string>(
  directory: string,
  manifest: Manifest,
  product: string,
  roles: readonly Role[],
): { readonly paths: Record<Role, string> } | Missing {
  const advice = 'run `npm run fetch`';
  const entry = manifest.products[product];
  if (entry === undefined) return { missing: `${product} is not in ${directory}: ${advice}` };
  const paths: Partial<Record<Role, string>> = {};
  for (const role of roles) {
    const name = entry.files[role];
    if (name === undefined) return { missing: `${product} in ${directory} has no ${role}: ${advice}` };
    const path = join(directory, name);
    if (!existsSync(path)) return { missing: `${path} is gone: ${advice}` };
    paths[role] = path;
  }
  return { paths: paths as Record<Role, string> };
}
