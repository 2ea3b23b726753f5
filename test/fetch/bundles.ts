/**
 * What `npm run fetch` brings. Adding a kernel or a QEMU is adding a line to `KERNELS` or `QEMUS`.
 * Suites are Debian's; where they come from is the machine's own apt configuration.
 */

import { DEBIAN_PACKAGES } from './debian/packages.js';
import { SERVICE_ROOT_PACKAGES } from './service-root/packages.js';

/** `host`: the architecture of this machine. */
export type Architecture = 'riscv64' | 'amd64' | 'host';

export interface Bundle {
  readonly name: string;
  /** Suites that may be used together to resolve this bundle; the first one is preferred. */
  readonly suites: readonly string[];
  readonly architecture: Architecture;
  readonly packages: readonly string[];
  /**
   * `closure`: with all dependencies, so that it runs without the machine's own libraries.
   * A pattern: only those dependencies whose names match it.
   */
  readonly dependencies: 'closure' | RegExp | 'none';
  /** The version that the first package must have, by its start (without Debian's epoch). */
  readonly version: string;
  /** `archives`: the packages themselves are kept, for who needs more of them than their files. */
  readonly form?: 'tree' | 'archives';
}

/** A kernel made bootable: an uncompressed image and an initramfs beside it. */
export interface KernelEntry {
  readonly version: string;
  readonly architecture: 'riscv64' | 'amd64';
  readonly suite: string;
  readonly package: string;
}

/** A QEMU made runnable: a wrapper `bin/qemu-system-<target>-<version>` for each target. */
export interface QemuEntry {
  readonly version: string;
  readonly suites: readonly string[];
}

/** Single files out of a source package, as upstream wrote them: unpatched, and nothing else of it is kept. */
export interface SourceBundle {
  readonly name: string;
  /** The newest version in any of them that the archive still has. */
  readonly suites: readonly string[];
  readonly package: string;
  /** Paths below the first folder of the tarball. */
  readonly files: readonly string[];
}

export const KERNELS: readonly KernelEntry[] = [
  { version: '6.12', architecture: 'riscv64', suite: 'trixie', package: 'linux-image-riscv64' },
  { version: '6.12', architecture: 'amd64', suite: 'trixie', package: 'linux-image-cloud-amd64' },
  { version: '7.2', architecture: 'riscv64', suite: 'sid', package: 'linux-image-riscv64' },
];

export const QEMUS: readonly QemuEntry[] = [
  { version: '11.1', suites: ['sid'] },
  { version: '10.0', suites: ['bookworm-backports', 'bookworm'] },
];

export const QEMU_TARGETS = ['riscv64', 'x86_64'] as const;

/** Since 7.x a kernel is split; its initramfs tools and configuration are not wanted. */
const KERNEL_PARTS = /^linux-(image|binary|modules)-\d/;

export const OPENSBI = 'opensbi';
export const PASST = 'passt';
/** One that knows vhost-user, with the libraries it was built for. */
export const NEW_PASST = 'passt-2025';
export const QMP_PYTHON = 'qemu-qmp-python';
export const QEMU_SCRIPTS = 'qemu-scripts';
export const DEBIAN = 'debian-riscv64';
/** A Debian with systemd of this machine's architecture, to be started in namespaces. */
export const SERVICE_ROOT = 'service-root';
/** Makes images, and serves them from a process of its own. */
export const QEMU_TOOLS = 'qemu-tools';
export const kernelBundle = ({ version, architecture }: KernelEntry) => `linux-${version}-${architecture}`;
export const busyboxBundle = ({ architecture }: KernelEntry) => `busybox-${architecture}`;
export const qemuBundle = ({ version }: QemuEntry) => `qemu-${version}`;

function unpackedOnly(name: string, architecture: Architecture, packageName: string): Bundle {
  const common = { suites: ['trixie'], dependencies: 'none', version: '1.' } as const;
  return { name, architecture, packages: [packageName], ...common };
}

function busyboxes(): Bundle[] {
  const bundles = KERNELS.map((kernel) =>
    unpackedOnly(busyboxBundle(kernel), kernel.architecture, 'busybox-static'),
  );
  return bundles.filter(({ name }, index) => bundles.findIndex((bundle) => bundle.name === name) === index);
}

export const BUNDLES: readonly Bundle[] = [
  ...busyboxes(),
  unpackedOnly(OPENSBI, 'riscv64', 'opensbi'),
  {
    name: PASST,
    suites: ['bookworm'],
    architecture: 'host',
    packages: ['passt'],
    dependencies: 'none',
    version: '0.0~git2023',
  },
  {
    name: NEW_PASST,
    suites: ['trixie'],
    architecture: 'host',
    packages: ['passt'],
    dependencies: 'closure',
    version: '0.0~git2025',
  },
  {
    name: QMP_PYTHON,
    suites: ['sid'],
    architecture: 'host',
    packages: ['python3-qemu-qmp'],
    dependencies: 'none',
    version: '0.0.',
  },
  {
    name: QEMU_TOOLS,
    suites: ['trixie'],
    architecture: 'host',
    packages: ['qemu-utils'],
    dependencies: 'closure',
    version: '10.0.',
  },
  ...KERNELS.map((kernel): Bundle => {
    return {
      name: kernelBundle(kernel),
      suites: [kernel.suite],
      architecture: kernel.architecture,
      packages: [kernel.package],
      dependencies: KERNEL_PARTS,
      version: `${kernel.version}.`,
    };
  }),
  ...QEMUS.map((qemu): Bundle => {
    return {
      name: qemuBundle(qemu),
      suites: qemu.suites,
      architecture: 'host',
      packages: ['qemu-system-riscv', 'qemu-system-x86'],
      dependencies: 'closure',
      version: `${qemu.version}.`,
    };
  }),
  {
    name: DEBIAN,
    suites: ['trixie'],
    architecture: 'riscv64',
    packages: DEBIAN_PACKAGES,
    dependencies: 'closure',
    version: '13.',
    form: 'archives',
  },
  {
    name: SERVICE_ROOT,
    suites: ['trixie'],
    architecture: 'host',
    packages: SERVICE_ROOT_PACKAGES,
    dependencies: 'closure',
    version: '13.',
  },
];

/** An archive in motion lists sources that it no longer has, or not yet: a stable suite is there as well. */
export const SOURCES: readonly SourceBundle[] = [
  {
    name: QEMU_SCRIPTS,
    suites: ['sid', 'trixie'],
    package: 'qemu',
    files: ['scripts/analyze-migration.py'],
  },
];
