/**
 * Mode `cpr-exec`: a new program takes this one's place in the same process, keeping the descriptors of the
 * guest's memory and what else goes with it.
 *
 *     begin     CPR state into a memfd, main channel opened      the guest runs
 *     finish    stop the VM, send its state to main              the pause begins
 *     replace   execute the command                              what it starts loads the state from main
 *
 * Nothing here comes back from a command that was executed. One that cannot be is an error, and the VM runs on.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { closeFd } from '../../native/index.js';
import type { CarriedDescriptor } from '../carried.js';
import { QmpError } from '../qmp/error.js';
import { trace } from '../trace.js';
import { EXEC_STATE_VARIABLE, writeExecState } from './cpr-exec-state.js';
import { memoryBlockers, memoryDescriptor } from './cpr-memory.js';
import { encodeHead } from './encode-stream.js';
import { executeProgram } from './execute-program.js';
import { localBlockers } from './local-outgoing.js';
import type { OutgoingMode, OutgoingRun } from './modes.js';
import { type OutgoingContext, subjectOf } from './outgoing.js';
import { beginOutgoing, type OutgoingChannel } from './outgoing-channel.js';
import { rehearseSave } from './rehearsal.js';
import { bothOf, sendState } from './send-state.js';
import { untilAborted } from './until-aborted.js';

export const CPR_EXEC: OutgoingMode = {
  blockedReasons: (context) => [...memoryBlockers(context), ...localBlockers(context)],

  async begin(context, { main }, signal) {
    const command = context.settings.parameters()['cpr-exec-command'];
    if (command.length === 0) throw new QmpError('cpr-exec mode requires setting cpr-exec-command');
    if (main === null) throw new QmpError("missing 'main' migration channel");
    const ram = memoryDescriptor(context);
    context.progress.begin();
    const open = await beginOutgoing(main, signal);
    const descriptors = [ram, ...(await context.vm.handOvers.carry())];
    await rehearseSave(context.vm, subjectOf(context), () => signal.aborted);
    return new CprExecRun(context, open, { command, descriptors }, signal);
  },
};

interface Successor {
  readonly command: readonly string[];
  readonly descriptors: readonly CarriedDescriptor[];
}

class CprExecRun implements OutgoingRun {
  readonly #context: OutgoingContext;
  readonly #open: () => Promise<OutgoingChannel>;
  readonly #successor: Successor;
  readonly #signal: AbortSignal;

  constructor(
    context: OutgoingContext,
    open: () => Promise<OutgoingChannel>,
    successor: Successor,
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#open = open;
    this.#successor = successor;
    this.#signal = signal;
  }

  async finish(): Promise<void> {
    const channel = await this.#open();
    const { stream, ended } = channel;
    const subject = subjectOf(this.#context);
    try {
      this.#context.progress.connected();
      const sent = sendState(channel, this.#context, subject, encodeHead(subject, false), this.#signal);
      await bothOf(sent, untilAborted(ended, this.#signal));
    } finally {
      stream.destroy();
    }
  }

  async replace(): Promise<never> {
    const { command, descriptors } = this.#successor;
    await turn(); // what monitors were told goes out
    const state = writeExecState(descriptors);
    try {
      const environment = { ...withoutDelays(process.env), [EXEC_STATE_VARIABLE]: String(state) };
      trace('exec');
      return executeProgram(command, environment, [state, ...descriptors.map(({ fd }) => fd)]);
    } finally {
      closeFd(state);
    }
  }
}

/** Node 20 parses these certificates when it starts, as long as all else takes it; a VMM verifies nobody by them. */
function withoutDelays({ NODE_EXTRA_CA_CERTS: _, ...environment }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return environment;
}
