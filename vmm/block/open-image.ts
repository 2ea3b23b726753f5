/** Opens the file or device of a block node, or takes the descriptor that came with the guest. Errors are QEMU's. */
import { closeSync, constants, fstatSync, readFileSync } from 'node:fs';
import { closeFd } from '../../native/index.js';
import { openPath } from '../descriptors/open-path.js';
import { systemReason } from '../migration/system-reason.js';
import type { FileNodeOptions } from '../options/block-options.js';
import { FileImage } from './file-image.js';
import { nameOf } from './image.js';

/** Writing is not allowed. */
const NOT_WRITABLE = ['EACCES', 'EPERM', 'EROFS'];

/** `received` is this function's from here on. Throws, and nothing is open then. */
export function openImage(node: FileNodeOptions, received: number | null): FileImage {
  const isReceived = received !== null;
  const fd = received ?? openFile(node);
  try {
    checkKind(node, fd);
    if (isReceived) checkReceived(node, fd);
    const { path, direct, noFlush, locking } = node;
    const isReadOnly = isOnlyRead(fd) || node.readOnly;
    return new FileImage(fd, {
      path,
      direct,
      noFlush,
      isReadOnly,
      isReceived,
      isLockable: locking !== 'off',
    });
  } catch (error) {
    if (isReceived) closeFd(fd);
    else closeSync(fd);
    throw error;
  }
}

function openFile(node: FileNodeOptions, isReadOnly = node.readOnly): number {
  const flags = constants.O_NONBLOCK | (node.direct ? constants.O_DIRECT : 0);
  try {
    return openPath(node.path, (isReadOnly ? constants.O_RDONLY : constants.O_RDWR) | flags);
  } catch (error) {
    const mayOnlyRead = !isReadOnly && node.autoReadOnly && NOT_WRITABLE.includes(nameOf(error));
    if (mayOnlyRead) return openFile(node, true);
    throw new Error(`Could not open '${node.path}': ${reasonOf(error, node)}`, { cause: error });
  }
}

function reasonOf(error: unknown, { direct }: FileNodeOptions): string {
  if (direct && nameOf(error) === 'EINVAL') return 'filesystem does not support O_DIRECT';
  return systemReason(error);
}

function checkKind({ driver, path }: FileNodeOptions, fd: number): void {
  const stat = fstatSync(fd);
  if (stat.isDirectory()) throw new Error(`Could not open '${path}': Is a directory`);
  if (driver === 'file' && !stat.isFile()) {
    throw new Error(`'file' driver requires '${path}' to be a regular file`);
  }
  if (driver === 'host_device' && !stat.isBlockDevice() && !stat.isCharacterDevice()) {
    throw new Error(`'host_device' driver requires '${path}' to be either a character or block device`);
  }
}

/** How a file was opened goes with its descriptor. */
function checkReceived({ path, direct, readOnly, autoReadOnly }: FileNodeOptions, fd: number): void {
  const isDirect = (flagsOf(fd) & constants.O_DIRECT) !== 0;
  if (isDirect !== direct) {
    throw new Error(
      `image '${path}' was handed over with cache.direct=${isDirect ? 'on' : 'off'}: say the same`,
    );
  }
  if (isOnlyRead(fd) && !readOnly && !autoReadOnly) {
    throw new Error(`image '${path}' was handed over with read-only=on: say the same`);
  }
}

function isOnlyRead(fd: number): boolean {
  return (flagsOf(fd) & 3) === constants.O_RDONLY;
}

function flagsOf(fd: number): number {
  const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
  return Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '0', 8);
}
