/**
 * What `npm run fetch` brings: one entry per thing. Adding a kernel or a VMM is adding an entry.
 * Suites are Debian's; where they come from is the machine's own apt configuration.
 */

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
}

export interface KernelBundle {
  readonly bundle: string;
  readonly version: string;
  readonly architecture: 'riscv64' | 'amd64';
  readonly busybox: string;
}

export interface QemuBundle {
  readonly bundle: string;
  readonly version: string;
  readonly targets: readonly string[];
}

const KERNEL_PARTS = /^linux-(image|binary|modules)-\d/;

export const BUNDLES: readonly Bundle[] = [
  {
    name: 'busybox-riscv64',
    suites: ['trixie'],
    architecture: 'riscv64',
    packages: ['busybox-static'],
    dependencies: 'none',
    version: '1.',
  },
  {
    name: 'opensbi',
    suites: ['trixie'],
    architecture: 'riscv64',
    packages: ['opensbi'],
    dependencies: 'none',
    version: '1.',
  },
  {
    name: 'linux-6.12-riscv64',
    suites: ['trixie'],
    architecture: 'riscv64',
    packages: ['linux-image-riscv64'],
    dependencies: KERNEL_PARTS,
    version: '6.12.',
  },
  {
    name: 'linux-7.2-riscv64',
    suites: ['sid'],
    architecture: 'riscv64',
    packages: ['linux-image-riscv64'],
    dependencies: KERNEL_PARTS,
    version: '7.2.',
  },
  {
    name: 'qemu-11.1',
    suites: ['sid'],
    architecture: 'host',
    packages: ['qemu-system-riscv', 'qemu-system-x86'],
    dependencies: 'closure',
    version: '11.1.',
  },
  {
    name: 'qemu-10.0',
    suites: ['bookworm-backports', 'bookworm'],
    architecture: 'host',
    packages: ['qemu-system-riscv', 'qemu-system-x86'],
    dependencies: 'closure',
    version: '10.0.',
  },
];

/** Kernels made bootable: an uncompressed image and an initramfs beside it. */
export const KERNELS: readonly KernelBundle[] = [
  { bundle: 'linux-6.12-riscv64', version: '6.12', architecture: 'riscv64', busybox: 'busybox-riscv64' },
  { bundle: 'linux-7.2-riscv64', version: '7.2', architecture: 'riscv64', busybox: 'busybox-riscv64' },
];

/** QEMUs made runnable: a wrapper `bin/qemu-system-<target>-<version>` each. */
export const QEMUS: readonly QemuBundle[] = [
  { bundle: 'qemu-11.1', version: '11.1', targets: ['riscv64', 'x86_64'] },
  { bundle: 'qemu-10.0', version: '10.0', targets: ['riscv64', 'x86_64'] },
];
