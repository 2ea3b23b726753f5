/**
 * The second stage: the packages are configured by their own scripts in the guest itself, booted once in QEMU from
 * its disk with this script in the place of its init. The console goes to a log, whose end is shown when it fails.
 */
import { createWriteStream } from 'node:fs';
import { execa } from 'execa';
import { FetchError } from '../apt.js';
import { debianCommandLine } from './command-line.js';

const DEADLINE_MS = 15 * 60_000;
const LOG_BYTES = 16 * 1024 * 1024;
const LOG_LINES = 25;
const DONE_LINE = 'baton-debian: the second stage is done';

/** Where the script is on the disk. It moves itself into memory, lest an open file keep the disk from being clean. */
export const SECOND_STAGE = 'baton-second-stage';

/** Each command must succeed; whatever happens, the machine powers off. `release`: the kernel's. */
export function secondStage(release: string): string {
  return `#!/bin/sh
export PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
if [ "$0" != /run/${SECOND_STAGE} ]; then
  mount -t tmpfs tmpfs /run && mv /${SECOND_STAGE} /run && exec /run/${SECOND_STAGE}
fi
exec < /dev/null
trap 'systemctl poweroff --force --force' EXIT
set -e
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /tmp
dpkg --force-depends --configure base-passwd
dpkg --force-unsafe-io --configure --pending
dpkg --audit > /run/audit
[ ! -s /run/audit ] || { cat /run/audit; exit 1; }
ldconfig
depmod ${release}
systemctl enable systemd-networkd.service systemd-network-generator.service
systemctl disable systemd-networkd-wait-online.service
mkdir -p /run/sshd
sshd -t
# Each copy of the image is a machine of its own.
: > /etc/machine-id
rm -f /var/lib/dbus/machine-id /var/lib/dpkg/*-old /var/cache/debconf/*-old /etc/*- /etc/.pwd.lock
find /var/log -type f -delete
find / -xdev \\( -nouser -o -nogroup \\) > /run/strangers
[ ! -s /run/strangers ] || { cat /run/strangers; exit 1; }
fstrim /
mount -o remount,ro /
echo '${DONE_LINE}'
`;
}

export interface SecondStageBoot {
  readonly image: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly log: string;
  /** The program with its first arguments. */
  readonly qemu: readonly string[];
}

export async function runSecondStage({ image, kernel, initrd, log, qemu }: SecondStageBoot): Promise<void> {
  const [program = '', ...prefix] = qemu;
  const drive = `if=none,id=d0,file=${image},format=raw,cache=unsafe,discard=unmap,detect-zeroes=unmap`;
  const append = debianCommandLine('rootflags=noatime', 'panic=-1', `init=/${SECOND_STAGE}`);
  const child = execa(
    program,
    [
      ...[...prefix, '-machine', 'virt', '-m', '512M', '-nodefaults', '-display', 'none', '-no-reboot'],
      ...['-global', 'virtio-mmio.force-legacy=false', '-serial', 'stdio'],
      ...['-kernel', kernel, '-initrd', initrd, '-append', append],
      ...['-drive', drive, '-device', 'virtio-blk-device,drive=d0'],
    ],
    { timeout: DEADLINE_MS, stdin: 'ignore', reject: false, all: true, maxBuffer: LOG_BYTES },
  );
  child.all.pipe(createWriteStream(log));
  const { all, failed, shortMessage } = await child;
  if (!failed && all.includes(DONE_LINE)) return;
  const end = all.split('\n').slice(-LOG_LINES).join('\n  ');
  const why = failed ? shortMessage : 'it ended early';
  throw new FetchError(`the second stage of the Debian image failed (${why}), see ${log}:\n  ${end}`);
}
