/** One round: every machine is upgraded, the planned faults happen at their moments, and everything is let end. */
import { setTimeout as delay } from 'node:timers/promises';
import type { DaemonEvent } from '../demo/daemon-client.js';
import { waitFor } from '../helpers/wait.js';
import { commit, type Deed } from './faults.js';
import { judgeMachine } from './oracle.js';
import type { PlannedFault, RoundPlan } from './plan.js';
import type { SoakMachine, UpgradeDocument } from './soak-machine.js';
import type { Stage } from './stage.js';

/** Longer than any upgrade may take: the steps' deadlines in a row, and those of the way back. */
const END_DEADLINE_MS = 120_000;
const MOMENT_DEADLINE_MS = 30_000;

export interface RoundResult {
  /** What happened, in a few words. */
  readonly story: string;
  readonly complaints: readonly string[];
}

export async function playRound(stage: Stage, plan: RoundPlan): Promise<RoundResult> {
  for (const machine of stage.machines) await makeReady(stage, machine);
  for (const [index, machine] of stage.machines.entries()) {
    if (plan.paused[index]) await stage.client.perform(`${machine.path}/pause`);
  }
  const plays = stage.machines.map((machine, index) => new Play(stage, machine, plan, index));
  try {
    await Promise.all(plays.map((play) => play.run()));
    if (plan.faults.some(({ name }) => name === 'fill-disk'))
      for (const machine of stage.machines) machine.forgetConsole();
    const judged = await Promise.all(plays.map((play) => play.judge()));
    const story = plays.map((play) => play.story).join('; ');
    return { story, complaints: judged.flat() };
  } finally {
    for (const play of plays) play.close();
  }
}

async function makeReady({ client }: Stage, machine: SoakMachine): Promise<void> {
  const { state } = await machine.document();
  if (state === 'stopped' || state === 'crashed') await machine.boot();
  else if (state === 'paused') await client.perform(`${machine.path}/resume`);
}

class Play {
  readonly #stage: Stage;
  readonly #machine: SoakMachine;
  readonly #plan: RoundPlan;
  readonly #index: number;
  readonly #states = new Set<string>();
  readonly #before = new Set<string>();
  readonly #stopListening: () => void;
  #operation: string | null = null;
  #isOver = false;
  #sourceGeneration = 0;
  #deeds: Deed[] = [];
  #upgrades: UpgradeDocument[] = [];

  constructor(stage: Stage, machine: SoakMachine, plan: RoundPlan, index: number) {
    this.#stage = stage;
    this.#machine = machine;
    this.#plan = plan;
    this.#index = index;
    this.#stopListening = stage.onEvent((event) => this.#hear(event));
  }

  get story(): string {
    const ends = this.#upgrades.map(({ state, reason }) =>
      reason === null ? state : `${state} ${reason.code}`,
    );
    const deeds = this.#deeds.map(
      ({ fault, said }) => `${fault.name}@${fault.state ?? ''}+${fault.delayMs}: ${said}`,
    );
    return `${this.#machine.name} ${ends.join(', ') || 'no upgrade'}${deeds.map((deed) => ` [${deed}]`).join('')}`;
  }

  async run(): Promise<void> {
    for (const { id } of await this.#machine.operations()) this.#before.add(id);
    this.#sourceGeneration = (await this.#machine.document()).generation ?? 0;
    const faults = this.#plan.faults.filter(({ machine }) => machine === this.#index);
    const committed = faults.map((fault) => this.#commit(fault));
    await delay(this.#plan.orderAtMs[this.#index]);
    await this.#order();
    await Promise.all([this.#ended(), ...committed]);
    /* What was asked for at the last moment has begun by now. */
    await this.#ended();
  }

  async judge(): Promise<string[]> {
    const operations = await this.#operations();
    for (const { upgrade } of operations) {
      if (upgrade !== null) this.#upgrades.push(await this.#stage.client.get<UpgradeDocument>(upgrade));
    }
    const complaints = await judgeMachine({
      machine: this.#machine,
      wasPaused: this.#plan.paused[this.#index] ?? false,
      deeds: this.#deeds,
      operations,
      upgrades: this.#upgrades,
    });
    return complaints.map((complaint) => `${this.#machine.name}: ${complaint}`);
  }

  close(): void {
    this.#stopListening();
  }

  #hear({ type, subject, data }: DaemonEvent): void {
    if (type !== 'baton.upgrade.state-changed' || subject !== `machines/${this.#machine.id}`) return;
    this.#states.add(String(data.state));
  }

  /** A daemon that is away, or whose disk is full, refuses: then there is no upgrade in this round. */
  async #order(): Promise<void> {
    try {
      const { id } = await this.#stage.client.post<{ id: string }>(`${this.#machine.path}/upgrade`, {});
      this.#operation = `/v1/operations/${id}`;
    } catch {
      this.#operation = null;
    }
  }

  async #commit(fault: PlannedFault): Promise<void> {
    await delay(this.#plan.orderAtMs[this.#index]);
    const moment = () => this.#isOver || fault.state === null || this.#states.has(fault.state);
    await waitForSoon(moment);
    if (fault.delayMs > 0) await delay(fault.delayMs);
    if (this.#isOver && fault.state !== null && !this.#states.has(fault.state)) return;
    const context = {
      stage: this.#stage,
      machine: this.#machine,
      fault,
      operation: this.#operation,
      sourceGeneration: this.#sourceGeneration,
    };
    this.#deeds.push(await commit(context));
  }

  /** Waits until nothing is under way. */
  async #ended(): Promise<void> {
    const over = async () => {
      await this.#stage.lookAfterDaemon();
      const operations = await this.#operations().catch(() => null);
      return operations?.every(({ state }) => state !== 'running');
    };
    await waitFor(over, {
      deadlineMs: END_DEADLINE_MS,
      what: `the operations of ${this.#machine.name} to end`,
    });
    this.#isOver = true;
  }

  async #operations() {
    return (await this.#machine.operations()).filter(({ id }) => !this.#before.has(id));
  }
}

/** Looks every turn of the event loop or so: some moments last for a millisecond. */
async function waitForSoon(condition: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + MOMENT_DEADLINE_MS;
  while (!condition() && performance.now() < giveUpAt) await delay(1);
}
