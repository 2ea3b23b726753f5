/** Starts the sampler beside a running ticker and asks it for the standstills of the guest. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { STATUS_PAGE } from '../guests/ticker.js';
import { waitFor, within } from '../helpers/wait.js';
import type { GapReport, Standstill } from './sampler.js';

const RAM_START = 0x80000000;
const TICKS = 8;
const REPLY_DEADLINE_MS = 5_000;
const SAMPLER = fileURLToPath(new URL('./sampler.js', import.meta.url));

export class GuestGap {
  readonly #child: ChildProcess;

  constructor(memoryFile: string) {
    const offset = STATUS_PAGE - RAM_START + TICKS;
    this.#child = fork(SAMPLER, [memoryFile, String(offset)], { execArgv: [] });
  }

  /** Forgets what was seen before. */
  async start(): Promise<void> {
    await this.#ask('start');
  }

  /** The standstills since `start`, once the guest has ticked again a while. */
  async finish(): Promise<readonly Standstill[]> {
    const { ticks } = await this.#ask('report');
    const ticked = async () => (await this.#ask('report')).ticks >= ticks + 20;
    await waitFor(ticked, { deadlineMs: 10_000, what: 'the guest to tick after the upgrade' });
    return (await this.#ask('report')).standstills;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
    await within(exit, REPLY_DEADLINE_MS, 'the sampler to end');
  }

  async #ask(request: 'start' | 'report'): Promise<GapReport> {
    const reply = once(this.#child, 'message');
    this.#child.send(request);
    const [report] = await within(reply, REPLY_DEADLINE_MS, 'a report of the sampler');
    return report as GapReport;
  }
}
