/** A copy of a descriptor of this process, as another process would have it. Closed by `closeFd`. */
import { closeFd, pidfdGetFd, pidfdOpen } from '../../native/index.js';

export function duplicate(fd: number): number {
  const own = pidfdOpen(process.pid);
  try {
    return pidfdGetFd(own, fd);
  } finally {
    closeFd(own);
  }
}
