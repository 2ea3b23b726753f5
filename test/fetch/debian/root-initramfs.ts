/**
 * The initramfs that a disk's own system starts from: loads the virtio and ext4 modules, mounts what `root=` names
 * (a device, `LABEL=` or `UUID=`) and gives way to its init. Understands `rw`, `ro`, `rootflags=`, `rootwait` by
 * itself and `init=`. What fails leaves a shell on the console, whose end is a reboot by panic.
 */
import type { CpioEntry } from '../cpio.js';
import { cpio } from '../cpio.js';
import type { KernelModule } from '../kernel-modules.js';

/** In the order to load; dependencies come by themselves. */
export const ROOT_MODULES = ['virtio_mmio', 'virtio_pci', 'virtio_blk', 'crc32c_generic', 'ext4'] as const;

/** A disk that its driver finds later than this is not there. In tenths of a second. */
const ROOT_DEADLINE_TENTHS = 300;

export const ROOT_INIT = `#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
root= access=ro flags= init=/sbin/init
for word in $(cat /proc/cmdline); do
  case "$word" in
    root=*) root="\${word#root=}" ;;
    rootflags=*) flags=",\${word#rootflags=}" ;;
    init=*) init="\${word#init=}" ;;
    rw|ro) access="$word" ;;
  esac
done
stuck() {
  echo "baton-initramfs: $1"
  setsid -c sh
  exit 1
}
while read -r module; do
  insmod "/modules/$module.ko" || echo "baton-initramfs: module $module did not load"
done < /modules/load-order
[ -n "$root" ] || stuck 'expected root= on the command line, such as root=/dev/vda'
tenths=0
while :; do
  case "$root" in
    LABEL=*|UUID=*) device="$(findfs "$root" 2>/dev/null)" ;;
    *) device="$root" ;;
  esac
  [ -b "$device" ] && break
  [ "$tenths" -lt ${ROOT_DEADLINE_TENTHS} ] || stuck "expected the disk $root, found none"
  tenths=$((tenths + 1))
  usleep 100000
done
mount -t ext4 -o "$access$flags" "$device" /root || stuck "could not mount $device"
mount -o move /dev /root/dev
umount /sys
umount /proc
exec switch_root /root "$init"
`;

export function buildRootInitramfs(busybox: Uint8Array, modules: readonly KernelModule[]): Uint8Array {
  const order = modules.map(({ name }) => `${name}\n`).join('');
  const directories = ['bin', 'dev', 'modules', 'proc', 'root', 'sys'];
  const entries: CpioEntry[] = [
    ...directories.map((name) => ({ type: 'directory', name }) as const),
    // The kernel opens the console before devtmpfs is there.
    { type: 'character-device', name: 'dev/console', major: 5, minor: 1 },
    { type: 'character-device', name: 'dev/null', major: 1, minor: 3, mode: 0o666 },
    { type: 'file', name: 'bin/busybox', data: busybox, mode: 0o755 },
    { type: 'file', name: 'init', data: Buffer.from(ROOT_INIT), mode: 0o755 },
    { type: 'file', name: 'modules/load-order', data: Buffer.from(order) },
    ...modules.map(({ name, data }) => ({ type: 'file', name: `modules/${name}.ko`, data }) as const),
  ];
  return cpio(entries);
}
