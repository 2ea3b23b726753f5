/**
 * Mode `cpr-transfer`, seen from the source: the VM goes to another process on this host, which gets the
 * descriptors of its memory and its backends first and its device state when it has made everything else ready.
 *
 *     begin    connect to cpr, send descriptors         the guest runs; with `local` those of netdevs stay
 *     finish   compare machines, if the target tells    the guest runs
 *              in two steps: wait for `resume`          the guest runs, status `setup-cpr`
 *              wait for the target to hang up           the guest runs; as long as it takes
 *              connect to main                          the guest runs
 *              stop the VM, send its state              the pause begins; with `local` those of netdevs go too
 *              with return-path: wait for the verdict   the target runs it, or holds it stopped
 *
 * Nothing has a deadline here, as in QEMU: whoever ordered the migration watches it and has
 * `migrate_cancel`. Every failure and the cancel reject, and leave no connection open.
 */
import { QmpError } from '../qmp/error.js';
import { type Address, parseUri } from './address.js';
import type { Channels } from './channels.js';
import { sendCprState } from './cpr-channel.js';
import { CprListener } from './cpr-listener.js';
import { memoryBlockers, memoryDescriptor } from './cpr-memory.js';
import { encodeHead } from './encode-stream.js';
import { openMain, requireLocal } from './local-outgoing.js';
import type { OutgoingMode, OutgoingRun } from './modes.js';
import { type OutgoingContext, subjectOf } from './outgoing.js';
import { rehearseSave } from './rehearsal.js';
import { verdictOn } from './return-path.js';
import { bothOf, sendState } from './send-state.js';
import { untilAborted } from './until-aborted.js';

export const CPR_TRANSFER: OutgoingMode = {
  blockedReasons: memoryBlockers,

  async begin(context, channels, signal) {
    const cpr = cprPath(channels.cpr, context.settings.parameters()['cpr-uri']);
    const main = channels.main && streamable(channels.main, context);
    const ram = memoryDescriptor(context);
    const facts = await context.facts();
    context.progress.begin();
    const connection = await sendCprState(cpr, [
      ram,
      ...(await context.vm.handOvers.carry(context.settings.isLocal ? 'early' : 'all')),
    ]);
    if (main === null) context.progress.set('setup-cpr');
    return new CprTransferRun(context, new CprListener(connection, facts, signal), main, signal);
  },
};

function cprPath(given: Address | null, parameter: string | undefined): string {
  const address = given ?? (parameter === undefined ? null : uriOf(parameter));
  if (address === null) throw new QmpError("missing 'cpr' migration channel");
  if (address.kind !== 'unix') throw new QmpError('bad cpr channel socket type; must be unix');
  return address.path;
}

function uriOf(text: string): Address {
  try {
    return parseUri(text);
  } catch (cause) {
    throw new QmpError(`Parameter 'cpr-uri': ${(cause as Error).message}`, 'GenericError', { cause });
  }
}

function streamable(main: Address, { settings }: OutgoingContext): Address {
  if (settings.isLocal) requireLocal(main);
  if (main.kind === 'file') throw new QmpError('Migration requires streamable transport (eg unix)');
  return main;
}

class CprTransferRun implements OutgoingRun {
  readonly #context: OutgoingContext;
  readonly #cpr: CprListener;
  readonly #signal: AbortSignal;
  readonly #main: Promise<Address>;
  #setMain: (main: Address) => void = () => {};

  /** `main` is null when it will come with `resume`. */
  constructor(context: OutgoingContext, cpr: CprListener, main: Address | null, signal: AbortSignal) {
    this.#context = context;
    this.#cpr = cpr;
    this.#signal = signal;
    this.#main = new Promise((resolve) => {
      this.#setMain = resolve;
    });
    if (main !== null) this.#setMain(main);
  }

  resume({ main, cpr }: Channels): void {
    if (cpr !== null) throw new QmpError("the 'cpr' channel has been used already");
    if (main === null) throw new QmpError("missing 'main' migration channel");
    this.#setMain(streamable(main, this.#context));
  }

  async finish(): Promise<void> {
    const address = await this.#awaitMain();
    await this.#awaitHangUp();
    const main = await openMain(address, this.#context, this.#signal);
    const subject = subjectOf(this.#context);
    try {
      this.#context.progress.connected();
      const answering = this.#context.settings.has('return-path') ? main.duplex : null;
      const ended = answering === null ? main.ended : verdictOn(answering, main.ended);
      const head = encodeHead(subject, answering !== null);
      const sent = sendState(main, this.#context, subject, head, this.#signal);
      await bothOf(sent, untilAborted(ended, this.#signal));
    } finally {
      main.stream.destroy();
    }
  }

  /** A target that does not fit ends the first of two steps; one that hung up may listen, or be gone. */
  async #awaitMain(): Promise<Address> {
    const misfits = this.#cpr.hungUp.then(() => new Promise<never>(() => {}));
    return untilAborted(Promise.race([this.#main, misfits]), this.#signal);
  }

  /** The time is used for rehearsing. */
  async #awaitHangUp(): Promise<void> {
    let isOver = false;
    const rehearsed = rehearseSave(this.#context.vm, subjectOf(this.#context), () => isOver);
    try {
      await this.#cpr.hungUp;
    } finally {
      isOver = true;
      await rehearsed;
    }
  }
}
