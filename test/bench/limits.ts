/** What no VMM of ours can be faster than on this host: a word over a socket and back, and a Node that does nothing. */
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { within } from '../helpers/wait.js';

const ECHO = fileURLToPath(new URL('./echo.js', import.meta.url));
const WARM_UP = 50;
const REPLY_DEADLINE_MS = 5_000;

/** Milliseconds from a write to a unix socket until another process's answer has been read. */
export async function socketRoundTrips(directory: string, count: number): Promise<number[]> {
  const path = join(directory, 'echo.sock');
  const child = fork(ECHO, [path], { execArgv: [] });
  try {
    await within(once(child, 'message'), REPLY_DEADLINE_MS, 'the echo to listen');
    const socket = connect(path);
    await within(once(socket, 'connect'), REPLY_DEADLINE_MS, 'the echo to be connected to');
    const values: number[] = [];
    for (let run = 0; run < WARM_UP + count; run++) {
      const startedAt = performance.now();
      socket.write('x');
      await within(once(socket, 'data'), REPLY_DEADLINE_MS, 'an echo');
      if (run >= WARM_UP) values.push(performance.now() - startedAt);
    }
    socket.destroy();
    return values;
  } finally {
    child.kill('SIGKILL');
  }
}

/** Milliseconds of a whole `node -e 0`: what cpr-exec has to wait for before our first line runs, and the end. */
export async function bareStarts(node: string, count: number): Promise<number[]> {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const values: number[] = [];
  for (let run = 0; run < count; run++) {
    const startedAt = performance.now();
    await promisify(execFile)(node, ['-e', '0'], { env });
    values.push(performance.now() - startedAt);
  }
  return values;
}
