/**
 * Many subscribers in a process of their own. For each line on stdin, a sequence, prints when the last of them had it:
 * `SEQUENCE MS`, milliseconds since the epoch. Arguments: socket, how many, and how many of them stop reading.
 */
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';

const [socketPath = '', count = '', slow = ''] = process.argv.slice(2);
const had = new Map<number, { count: number; lastMs: number }>();
const wanted = Number(count) - Number(slow);

function heard(seq: number): void {
  const entry = had.get(seq) ?? { count: 0, lastMs: 0 };
  entry.count += 1;
  entry.lastMs = performance.timeOrigin + performance.now();
  had.set(seq, entry);
}

await Promise.all(
  Array.from({ length: Number(count) }, (_, index) => {
    const socket = new WebSocket(`ws+unix:${socketPath}:/v1/events`);
    const isSlow = index >= wanted;
    /* What matters is when it comes; what it says is the same for all. */
    socket.on('message', (data: Buffer) => heard(Number(/"seq":(\d+)/.exec(data.toString('latin1'))?.[1])));
    socket.on('error', () => undefined);
    return new Promise<void>((resolve) => {
      socket.on('open', () => {
        if (isSlow) socket.pause();
        resolve();
      });
    });
  }),
);
process.stdout.write('listening\n');
for await (const line of createInterface({ input: process.stdin })) {
  const seq = Number(line);
  while ((had.get(seq)?.count ?? 0) < wanted) await new Promise((resolve) => setTimeout(resolve, 1));
  process.stdout.write(`${seq} ${had.get(seq)?.lastMs}\n`);
}
