/**
 * Makes an unpacked Debian one that boots: its packages' scripts never run, and what of their work is needed is done
 * here. Nobody writes into the tree afterwards: who boots it works on a copy.
 */
import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { ProductFiles } from '../products.js';

export const SERVICE_ROOT_RECIPE = ['accounts, names, no gettys, 2'];

/** Units that a container has no use for, or that wait for what it does not have. */
const MASKED = [
  ...[
    'systemd-udevd.service',
    'systemd-logind.service',
    'systemd-resolved.service',
    'systemd-timesyncd.service',
  ],
  ...['systemd-networkd.service', 'systemd-hwdb-update.service', 'console-getty.service', 'getty@.service'],
  ...[
    'getty-static.service',
    'systemd-firstboot.service',
    'e2scrub_reap.service',
    'systemd-networkd-wait-online.service',
  ],
  ...['systemd-remount-fs.service', 'dev-hugepages.mount', 'dev-mqueue.mount', 'sys-kernel-debug.mount'],
  ...[
    'sys-kernel-tracing.mount',
    'sys-fs-fuse-connections.mount',
    'tmp.mount',
    'systemd-modules-load.service',
  ],
];

export async function makeServiceRoot(cache: string, tree: string): Promise<ProductFiles> {
  const base = join(tree, 'usr/share/base-passwd');
  await copyFile(join(base, 'passwd.master'), join(tree, 'etc/passwd'));
  await copyFile(join(base, 'group.master'), join(tree, 'etc/group'));
  const accounts = {
    passwd: 'messagebus:x:100:100::/nonexistent:/usr/sbin/nologin',
    group: 'messagebus:x:100:',
  };
  for (const [file, line] of Object.entries(accounts)) {
    const path = join(tree, 'etc', file);
    await writeFile(path, `${await readFile(path, 'utf8')}${line}\n`);
  }
  await writeFile(join(tree, 'etc/hostname'), 'baton-service\n');
  await writeFile(join(tree, 'etc/machine-id'), '');
  await writeFile(join(tree, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files\n');
  await writeFile(join(tree, 'etc/fstab'), '');
  const units = join(tree, 'etc/systemd/system');
  await mkdir(units, { recursive: true });
  for (const unit of MASKED) {
    await rm(join(units, unit), { force: true });
    await symlink('/dev/null', join(units, unit));
  }
  return { root: relative(cache, tree) };
}
