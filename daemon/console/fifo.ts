/**
 * The FIFO that a VMM reads its console input from. What the VMM has not read can be taken back out of it. A VMM may
 * have opened it so that a read waits for bytes; one that was just told that there are some, and finds none, would
 * stand still with all it does. So before anything is taken its descriptors are made to wait for nothing.
 */
import { closeSync, constants, openSync, readdirSync, readlinkSync, readSync, writeSync } from 'node:fs';
import { closeFd, type NativeError, pidfdGetFd, pidfdOpen, setNonBlocking } from '../../native/index.js';
import { NOT_ELSEWHERE } from '../instance/vmm-file.js';
import type { ProcessIdentity } from '../instance.js';

const FIFO_BYTES = 64 * 1024;

/** How much went; 0: it is full, or nobody reads it now. A FIFO that is not there is an error. */
export function writeFifo(path: string, bytes: Uint8Array): number {
  let fd: number | null = null;
  try {
    fd = openSync(path, constants.O_WRONLY | NOT_ELSEWHERE);
    return writeSync(fd, bytes);
  } catch (error) {
    if (hasCode(error, 'ENXIO', 'EAGAIN', 'EPIPE')) return 0;
    throw error;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** What `process`, which reads it, has left in it. */
export function takeBack(path: string, process: ProcessIdentity): Uint8Array {
  const none = new Uint8Array(0);
  let fd: number | null = null;
  try {
    fd = openSync(path, constants.O_RDONLY | NOT_ELSEWHERE);
    waitForNothing(path, process);
    const taken = Buffer.allocUnsafe(FIFO_BYTES);
    return taken.subarray(0, readSync(fd, taken));
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EAGAIN')) return none;
    throw error;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** The descriptors that the process has of the FIFO no longer wait in a read. */
function waitForNothing(path: string, { pid }: ProcessIdentity): void {
  const pidfd = pidfdOpen(pid);
  try {
    for (const name of readdirSync(`/proc/${pid}/fd`)) {
      if (targetOf(`/proc/${pid}/fd/${name}`) !== path) continue;
      const copy = pidfdGetFd(pidfd, Number(name));
      try {
        setNonBlocking(copy);
      } finally {
        closeFd(copy);
      }
    }
  } finally {
    closeFd(pidfd);
  }
}

function targetOf(link: string): string | null {
  try {
    return readlinkSync(link);
  } catch {
    return null; // closed meanwhile
  }
}

function hasCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes(String((error as NodeJS.ErrnoException | NativeError).code));
}
