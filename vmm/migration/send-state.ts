/** The source's part of the pause: stops the VM and sends its state, with nothing else in between. */
import type { Duplex } from 'node:stream';
import { encodeTail } from './encode-stream.js';
import type { OutgoingContext } from './outgoing.js';
import type { StreamSubject } from './stream-format.js';

/** Resolves when the whole stream, `head` first, is on its way. On failure the connection is destroyed. */
export async function sendState(
  main: Duplex,
  { vm, progress, events }: Pick<OutgoingContext, 'vm' | 'progress' | 'events'>,
  subject: StreamSubject,
  head: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const release = events.hold();
  try {
    const { saved, stateBefore } = await vm.handOver(() => {
      progress.stopped();
      progress.set('active');
      progress.pass(2);
    });
    signal.throwIfAborted();
    progress.set('device');
    const stream = Buffer.concat([head, encodeTail(subject, stateBefore, saved)]);
    progress.transferredBytes = stream.length;
    main.end(stream);
  } catch (error) {
    main.destroy();
    throw error;
  } finally {
    release();
  }
}
