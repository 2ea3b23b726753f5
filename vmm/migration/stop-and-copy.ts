/**
 * Modes `normal` and `cpr-reboot`: the whole VM, RAM included, goes through one stream, to another process, a file
 * or a program. The VM stands while its RAM is copied, which takes as long as the RAM is large: what changed
 * meanwhile is not known here. With `x-ignore-shared` RAM that is a shared file stays in that file.
 *
 * With `local` descriptors of network backends go with the stream.
 *
 * The guest's clock stops with it, as in QEMU: it may be a long time until the stream is loaded.
 */
import type { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { QmpError } from '../qmp/error.js';
import { encodeHead, encodeTail } from './encode-stream.js';
import { beginMain, localBlockers, requireLocal, sendWithLate } from './local-outgoing.js';
import type { OutgoingMode, OutgoingRun } from './modes.js';
import { type OutgoingContext, staysInItsFile, subjectOf } from './outgoing.js';
import type { OutgoingChannel } from './outgoing-channel.js';
import { encodePages } from './ram-pages.js';
import { verdictOn } from './return-path.js';
import { bothOf } from './send-state.js';
import type { StreamSubject } from './stream-format.js';
import { untilAborted } from './until-aborted.js';

export const NORMAL: OutgoingMode = stopAndCopy({ isActiveBeforeStop: true, canBeLocal: true });
export const CPR_REBOOT: OutgoingMode = stopAndCopy({ isActiveBeforeStop: false, canBeLocal: false });

/** Where the status becomes `active`, as in QEMU's mode of that name. */
interface Order {
  readonly isActiveBeforeStop: boolean;
  readonly canBeLocal: boolean;
}

function stopAndCopy(order: Order): OutgoingMode {
  return {
    blockedReasons: (context) => (order.canBeLocal ? [] : localBlockers(context)),

    async begin(context, { main }, signal) {
      if (main === null) throw new QmpError("missing 'main' migration channel");
      if (context.settings.isLocal) requireLocal(main);
      context.progress.begin();
      return new StopAndCopyRun(context, await beginMain(main, context, signal), order, signal);
    },
  };
}

class StopAndCopyRun implements OutgoingRun {
  readonly #context: OutgoingContext;
  readonly #open: () => Promise<OutgoingChannel>;
  readonly #order: Order;
  readonly #signal: AbortSignal;

  constructor(
    context: OutgoingContext,
    open: () => Promise<OutgoingChannel>,
    order: Order,
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#open = open;
    this.#order = order;
    this.#signal = signal;
  }

  async finish(): Promise<void> {
    const channel = await this.#open();
    const { stream, duplex, ended } = channel;
    const answering = this.#context.settings.has('return-path') ? duplex : null;
    try {
      this.#context.progress.connected();
      const verdict = answering === null ? ended : verdictOn(answering, ended);
      const sent = this.#send(channel, answering !== null);
      await bothOf(sent, untilAborted(verdict, this.#signal));
    } finally {
      stream.destroy();
    }
  }

  async #send(channel: OutgoingChannel, wantsReturnPath: boolean): Promise<void> {
    const { vm, progress } = this.#context;
    const { stream } = channel;
    const write = (chunk: Uint8Array) => this.#write(channel, chunk);
    const subject = subjectOf(this.#context);
    try {
      if (this.#order.isActiveBeforeStop) progress.set('active');
      const totalBytes = staysInItsFile(this.#context) ? 0 : subject.ram.sizeBytes;
      progress.ram = { totalBytes, pages: { zero: 0, normal: 0 } };
      const onStopped = () => {
        progress.stopped();
        if (!this.#order.isActiveBeforeStop) progress.set('active');
      };
      const { saved, stateBefore } = await vm.handOvers.begin({ onStopped, timeGoesOn: false });
      const late = subject.local ? await vm.handOvers.carry('late') : [];
      const fds = late.map(({ fd }) => fd);
      this.#signal.throwIfAborted();
      await write(sendWithLate(channel, encodeHead(subject, wantsReturnPath), fds));
      await this.#sendRam(subject, write);
      progress.pass(2);
      this.#signal.throwIfAborted();
      progress.set('device');
      await vm.handOvers.inactivate();
      await write(encodeTail(subject, stateBefore, saved, late));
      stream.end();
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }

  async #sendRam(subject: StreamSubject, write: (chunk: Uint8Array) => Promise<void>): Promise<void> {
    if (staysInItsFile(this.#context)) return;
    const ram = this.#context.ram();
    const pages = { zero: 0, normal: 0 };
    this.#context.progress.ram = { totalBytes: ram.length, pages };
    for (const chunk of encodePages(subject.ram.name, ram, pages)) {
      await write(chunk);
      await turn(); // monitors are served meanwhile
    }
  }

  async #write({ stream, ended }: OutgoingChannel, chunk: Uint8Array): Promise<void> {
    this.#signal.throwIfAborted();
    this.#context.progress.transferredBytes += chunk.length;
    if (stream.destroyed) return ended;
    if (!stream.write(chunk)) await untilAborted(roomIn(stream), this.#signal);
    if (stream.destroyed) await ended; // which says why
  }
}

/** Resolves when the stream takes more, or never will. */
function roomIn(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.off('drain', settle).off('close', settle);
      resolve();
    };
    stream.on('drain', settle).on('close', settle);
  });
}
