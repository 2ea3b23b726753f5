/**
 * Mode `cpr-transfer`, seen from the source: the VM goes to another process on this host, which gets the
 * descriptors of its memory first and its device state when it has made everything else ready.
 *
 *     begin    connect to cpr, send descriptors         the guest runs
 *     finish   wait for the target to hang up           the guest runs; as long as it takes
 *              connect to main                          the guest runs
 *              stop the VM, send its state              the pause begins
 *              with return-path: wait for the verdict   the target runs it, or holds it stopped
 *
 * Nothing has a deadline here, as in QEMU: whoever ordered the migration watches it and has
 * `migrate_cancel`. Every failure and the cancel reject, and leave no connection open.
 */
import type { Socket } from 'node:net';
import { QmpError } from '../qmp/error.js';
import type { Address } from './address.js';
import type { Channels } from './channels.js';
import { sendCprState } from './cpr-channel.js';
import { memoryBlockers, memoryDescriptor } from './cpr-memory.js';
import { encodeHead } from './encode-stream.js';
import type { OutgoingMode, OutgoingRun } from './modes.js';
import { type OutgoingContext, subjectOf } from './outgoing.js';
import { openOutgoing } from './outgoing-channel.js';
import { rehearseSave } from './rehearsal.js';
import { verdictOn } from './return-path.js';
import { bothOf, sendState } from './send-state.js';
import type { StreamSubject } from './stream-format.js';
import { untilAborted } from './until-aborted.js';

export const CPR_TRANSFER: OutgoingMode = {
  blockedReasons: memoryBlockers,

  async begin(context, channels, signal) {
    const { main, cpr } = requireChannels(channels);
    const descriptor = memoryDescriptor(context);
    context.progress.begin();
    const connection = await sendCprState(cpr, [descriptor]);
    return new CprTransferRun(context, connection, main, signal);
  },
};

function requireChannels({ main, cpr }: Channels): { main: Address; cpr: string } {
  if (cpr === null) throw new QmpError("missing 'cpr' migration channel");
  if (main === null) throw new QmpError("missing 'main' migration channel");
  if (cpr.kind !== 'unix') throw new QmpError('bad cpr channel socket type; must be unix');
  if (main.kind === 'file') throw new QmpError('Migration requires streamable transport (eg unix)');
  return { main, cpr: cpr.path };
}

class CprTransferRun implements OutgoingRun {
  readonly #context: OutgoingContext;
  readonly #cpr: Socket;
  readonly #main: Address;
  readonly #signal: AbortSignal;
  readonly #subject: StreamSubject;

  constructor(context: OutgoingContext, cpr: Socket, main: Address, signal: AbortSignal) {
    this.#context = context;
    this.#cpr = cpr;
    this.#main = main;
    this.#signal = signal;
    this.#subject = subjectOf(context);
  }

  async finish(): Promise<void> {
    await this.#awaitHangUp();
    const main = await openOutgoing(this.#main, this.#signal);
    try {
      this.#context.progress.connected();
      const answering = this.#context.settings.has('return-path') ? main.duplex : null;
      const ended = answering === null ? main.ended : verdictOn(answering, main.ended);
      const head = encodeHead(this.#subject, answering !== null);
      const sent = sendState(main.stream, this.#context, this.#subject, head, this.#signal);
      await bothOf(sent, untilAborted(ended, this.#signal));
    } finally {
      main.stream.destroy();
    }
  }

  /** The time is used for rehearsing. */
  async #awaitHangUp(): Promise<void> {
    let isOver = false;
    const rehearsed = rehearseSave(this.#context.vm, this.#subject, () => isOver);
    try {
      await hangUpOf(this.#cpr, this.#signal);
    } finally {
      isOver = true;
      await rehearsed;
    }
  }
}

/** Resolves when the target closes the CPR connection; what it might send is dropped. */
function hangUpOf(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => () => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      act();
    };
    const onAbort = settle(() => reject(signal.reason));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    socket.on('error', settle(resolve)).on('end', settle(resolve)).resume();
  });
}
