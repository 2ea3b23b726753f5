/**
 * What is asked of a guest through its agent, beside upgrades: in turn, in between operations, and no longer than a
 * deadline. An operation that is about to begin has it end. What goes wrong is told as an error of the interface.
 */
import { BatonError, messageOf } from '../errors.js';
import { type AgentClient, withAgent } from '../guest-agent/agent-client.js';
import { AgentGarbled, AgentRefused, AgentSilent } from '../guest-agent/agent-errors.js';
import { askInformation, type GuestInformation } from '../guest-agent/information.js';
import { DeadlineError, inTime } from '../instance/deadline.js';
import type { GuestFreeze } from '../machine.js';
import type { HoldMachine } from '../preflight/preflight.js';
import type { FrozenGuest } from './frozen-guest.js';
import type { ObservedState } from './observed-state.js';

const DEADLINE_MS = 20_000;
/** With those that wait for their turn. */
const MAX_ASKING = 4;

export interface GuestAccessOptions {
  readonly observed: ObservedState;
  readonly look: HoldMachine;
  readonly frozen: FrozenGuest;
  /** How long the agent may take to answer; undefined: its client says. */
  readonly answerMs: number | undefined;
}

export interface Frozen extends GuestFreeze {
  readonly filesystems: number;
}

export class GuestAccess {
  readonly #options: GuestAccessOptions;
  /** Who asks while somebody does gets the same answer. */
  #inspection: Promise<GuestInformation> | null = null;
  #asking = 0;

  constructor(options: GuestAccessOptions) {
    this.#options = options;
  }

  inspect(): Promise<GuestInformation> {
    this.#inspection ??= this.#ask(askInformation).finally(() => {
      this.#inspection = null;
    });
    return this.#inspection;
  }

  /** For at most `maxMs`. */
  freeze(maxMs: number): Promise<Frozen> {
    const { frozen } = this.#options;
    return this.#ask(async (agent, signal) => {
      this.#throwIfFrozen();
      const filesystems = await frozen.begin(agent, { maxMs, upgradeId: null }, signal);
      const { freeze } = frozen;
      if (freeze === null) throw new Error('the guest was thawed as it was frozen');
      return { ...freeze, filesystems };
    });
  }

  /** Returns how many filesystems. Nothing to do is success. */
  thaw(): Promise<number> {
    return this.#ask((agent, signal) => this.#options.frozen.end(agent, signal));
  }

  async #ask<T>(work: (agent: AgentClient, signal: AbortSignal) => Promise<T>): Promise<T> {
    const path = this.#path();
    const { look, answerMs } = this.#options;
    if (this.#asking >= MAX_ASKING) {
      throw new BatonError('guest_agent_busy', `${MAX_ASKING} ask the guest agent already: ask again later`);
    }
    this.#asking += 1;
    try {
      const wait = { deadlineMs: DEADLINE_MS, what: 'the guest agent to answer' };
      const answer = await look((interrupted) =>
        inTime({ ...wait, signal: interrupted }, (signal) =>
          withAgent(path, { signal, answerMs }, (agent) => work(agent, signal)).catch((error) => {
            throw interrupted.aborted ? busy(error) : toProblem(error);
          }),
        ),
      );
      if (answer === null) throw busy();
      return answer;
    } finally {
      this.#asking -= 1;
    }
  }

  #path(): string {
    const { current, machine } = this.#options.observed;
    if (!machine.spec.guestAgent) {
      throw new BatonError(
        'guest_agent_missing',
        `machine ${machine.name} has no port for a guest agent: stop it, set guestAgent in its document, and start it`,
      );
    }
    if (current === null)
      throw new BatonError('vmm_failed', `machine ${machine.name} has no VMM process (any more)`);
    return current.paths.agent;
  }

  #throwIfFrozen(): void {
    const { freeze } = this.#options.frozen;
    if (freeze === null) return;
    const until = new Date(freeze.thawAtMs).toISOString();
    throw new BatonError('guest_frozen', `the guest is frozen already, until ${until}: thaw it first`);
  }
}

function busy(cause?: unknown): BatonError {
  const message = 'an operation works on the machine, or is about to: ask again when it has ended';
  return new BatonError('operation_in_progress', message, { cause });
}

function toProblem(cause: unknown): unknown {
  if (cause instanceof AgentRefused) return new BatonError('guest_agent_refused', cause.message, { cause });
  if (cause instanceof AgentGarbled) return new BatonError('guest_agent_garbled', cause.message, { cause });
  if (!(cause instanceof AgentSilent || cause instanceof DeadlineError)) return cause;
  const message = `${messageOf(cause)}: look whether qemu-guest-agent runs in the guest`;
  return new BatonError('guest_agent_silent', message, { cause });
}
