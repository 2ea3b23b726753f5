/**
 * Only one fetch at a time per cache folder. The lock is flock(1)'s, held by a child that waits for the
 * end of its standard input: however this process ends, the kernel closes the pipe and frees the lock.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const WAIT_SECONDS = 1800;

export async function withLock<T>(path: string, waiting: () => void, action: () => Promise<T>): Promise<T> {
  const script = 'echo locked; exec cat';
  const child = spawn('flock', ['--exclusive', '--wait', String(WAIT_SECONDS), path, 'sh', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const notice = setTimeout(waiting, 500);
  try {
    const [first] = await Promise.race([once(child.stdout, 'data'), ended]);
    if (!Buffer.isBuffer(first)) {
      throw new Error(`expected the lock ${path} within ${WAIT_SECONDS} s, but flock ended with ${first}`);
    }
    clearTimeout(notice);
    return await action();
  } finally {
    clearTimeout(notice);
    child.stdin.end();
    await ended;
  }
}
