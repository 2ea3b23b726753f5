/** The source's part of the pause: stops the VM and sends its state, with nothing else in between. */
import { encodeTail } from './encode-stream.js';
import { sendWithLate } from './local-outgoing.js';
import type { OutgoingContext } from './outgoing.js';
import type { OutgoingChannel } from './outgoing-channel.js';
import type { StreamSubject } from './stream-format.js';

/**
 * For RAM that stays where it is. Resolves when the whole stream, `head` first, is on its way. On failure the
 * stream is destroyed.
 */
export async function sendState(
  main: Pick<OutgoingChannel, 'stream' | 'sendFirst'>,
  { vm, progress, events }: Pick<OutgoingContext, 'vm' | 'progress' | 'events'>,
  subject: StreamSubject,
  head: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const release = events.hold();
  try {
    const onStopped = () => {
      progress.stopped();
      progress.set('active');
      progress.pass(2);
    };
    const { saved, stateBefore } = await vm.handOvers.begin({ onStopped, timeGoesOn: true });
    const late = subject.local ? await vm.handOvers.carry('late') : [];
    signal.throwIfAborted();
    progress.set('device');
    const bytes = Buffer.concat([head, encodeTail(subject, stateBefore, saved, late)]);
    progress.transferredBytes = bytes.length;
    const rest = sendWithLate(
      main,
      bytes,
      late.map(({ fd }) => fd),
    );
    main.stream.end(rest);
  } catch (error) {
    main.stream.destroy();
    throw error;
  } finally {
    release();
  }
}

/** Waits for both, whatever becomes of either: the VM is not taken back while its state is still being sent. */
export async function bothOf(sent: Promise<void>, ended: Promise<void>): Promise<void> {
  for (const result of await Promise.allSettled([sent, ended])) {
    if (result.status === 'rejected') throw result.reason;
  }
}
