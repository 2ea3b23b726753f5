/**
 * The initramfs that Debian's kernels boot here: a static busybox, the virtio and ext4 modules, and an
 * `/init` that loads them, says `baton-initramfs: ready` on the console and starts a shell. Another
 * archive appended to it may bring `/etc/baton/run`, which then runs in the shell's place; when that
 * or the shell ends, the machine powers off.
 */
import type { KernelEntry } from './bundles.js';
import { type CpioEntry, cpio } from './cpio.js';
import type { KernelModule } from './kernel-modules.js';

const VIRTIO_AND_EXT4 = [
  'virtio_mmio',
  'virtio_pci',
  'virtio_console',
  'virtio_blk',
  'failover',
  'net_failover',
  'virtio_net',
  'virtio_rng',
  'virtio_balloon',
  // ext4 has checksums, and its metadata are refused without.
  'crc32c_generic',
  'crc32c_cryptoapi',
  'ext4',
];

/** A PC tells the guest to power off by ACPI, which comes to programs as a key. */
const POWER_BUTTON = ['button', 'evdev'];

/** In the order to load; dependencies come by themselves. What the kernel has built in is left out. */
export function wantedModules(architecture: KernelEntry['architecture']): readonly string[] {
  return architecture === 'amd64' ? [...VIRTIO_AND_EXT4, ...POWER_BUTTON] : VIRTIO_AND_EXT4;
}

export const READY_LINE = 'baton-initramfs: ready';

export const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /mnt /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/ TERM=vt100
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
hostname baton
while read -r module; do
  insmod "/lib/modules/$module.ko" || echo "baton-initramfs: module $module did not load"
done < /lib/modules/load-order
echo '${READY_LINE}'
if [ -x /etc/baton/run ]; then
  /etc/baton/run
  echo "baton-initramfs: /etc/baton/run ended with $?"
else
  setsid -c sh
fi
sync
poweroff -f
`;

export function buildInitramfs(busybox: Uint8Array, modules: readonly KernelModule[]): Uint8Array {
  const directories = ['bin', 'dev', 'etc', 'etc/baton', 'lib', 'lib/modules'];
  const order = modules.map(({ name }) => `${name}\n`).join('');
  const entries: CpioEntry[] = [
    ...directories.map((name) => ({ type: 'directory', name }) as const),
    // The kernel opens the console before devtmpfs is there.
    { type: 'character-device', name: 'dev/console', major: 5, minor: 1 },
    { type: 'character-device', name: 'dev/null', major: 1, minor: 3, mode: 0o666 },
    { type: 'file', name: 'bin/busybox', data: busybox, mode: 0o755 },
    { type: 'file', name: 'init', data: Buffer.from(INIT), mode: 0o755 },
    { type: 'file', name: 'lib/modules/load-order', data: Buffer.from(order) },
    ...modules.map(({ name, data }) => ({ type: 'file', name: `lib/modules/${name}.ko`, data }) as const),
  ];
  return cpio(entries);
}
