/**
 * The demo itself: a guest is created, started and upgraded through the daemon's interface, and asked what
 * it saw of it. Everything that it says was measured or checked in this run; what is not as it should be
 * makes it fail.
 */
import { summarize } from '../bench/statistics.js';
import type { DaemonClient } from './daemon-client.js';
import { EventLog } from './event-log.js';
import { readTickerOf, waitForTicker } from './guest-console.js';
import type { DemoGuest, DemoUpgrade } from './guests.js';
import { line, phase, success } from './screen.js';
import type { TickerLog } from './ticker-lines.js';

/** Lines of 100 ticks each that the guest prints before its first upgrade, and after each. */
const LINES_BEFORE = 5;
const LINES_AFTER = 4;
const LINE_DEADLINE_MS = 15_000;

interface MachineDocument {
  readonly id: string;
  readonly state: string;
}

interface UpgradeDocument {
  readonly state: string;
  readonly pauseMs: number | null;
  readonly sourceGeneration: number;
  readonly targetGeneration: number;
  readonly createdAt: string;
  readonly phases: readonly Phase[];
}

interface Phase {
  readonly name: string;
  readonly startedAt: string;
  readonly durationMs: number | null;
}

export interface DemoOptions {
  readonly client: DaemonClient;
  readonly guest: DemoGuest;
  readonly upgrades: number;
}

export async function runDemo({ client, guest, upgrades }: DemoOptions): Promise<void> {
  const events = await EventLog.follow(client);
  try {
    const { id } = await client.post<MachineDocument>('/v1/machines', {
      name: 'demo',
      ...guest.specification,
    });
    const machine = `/v1/machines/${id}`;
    const startedAt = performance.now();
    await client.perform(`${machine}/start`);
    const before = await waitForTicker(client, machine, LINES_BEFORE, guest.bootDeadlineMs);
    line(
      'guest',
      `${guest.title}, ${guest.specification.memoryMiB} MiB, ticks after ${seconds(startedAt)} s`,
    );
    line('ticker', describe(examine(before, 0)));
    const pauses: number[] = [];
    for (let count = 1; count <= upgrades; count++) {
      const planned = guest.upgrades[(count - 1) % guest.upgrades.length] as DemoUpgrade;
      const outcome = await upgradeOnce(client, events, machine, planned);
      pauses.push(outcome.pauseMs);
      present(outcome, count, guest.upgrades.length);
    }
    const verdicts = (await guest.end?.(client, machine)) ?? [];
    if (events.hasGaps) throw new Error('expected events without gaps in their numbers, some are missing');
    console.log('');
    if (upgrades > 1) success(`${upgrades} upgrades, pause: ${describePauses(pauses)}`);
    success(`${events.events.length} events over WebSocket, none missing; no console byte lost`);
    for (const verdict of verdicts) success(verdict);
    if (guest.end === undefined) await client.perform(`${machine}/kill`);
    await client.delete(machine);
  } finally {
    events.close();
  }
}

interface Outcome {
  readonly title: string;
  readonly upgrade: UpgradeDocument;
  readonly pauseMs: number;
  readonly states: readonly string[];
  readonly seen: Examination;
}

async function upgradeOnce(
  client: DaemonClient,
  events: EventLog,
  machine: string,
  { request, title }: DemoUpgrade,
): Promise<Outcome> {
  const linesBefore = (await readTickerOf(client, machine)).lines.length;
  const seqBefore = events.lastSeq;
  const path = await client.perform(`${machine}/upgrade`, request);
  const upgrade = await client.get<UpgradeDocument>(path.replace('/operations/', '/upgrades/'));
  const { pauseMs, state } = upgrade;
  if (pauseMs === null) throw new Error('expected the daemon to tell the pause, got none');
  await events.waitForUpgradeState(seqBefore, state);
  const linesAtEnd = (await readTickerOf(client, machine)).lines.length;
  const after = await waitForTicker(client, machine, linesAtEnd + LINES_AFTER, LINE_DEADLINE_MS);
  return {
    title,
    upgrade,
    pauseMs,
    states: events.upgradeStatesAfter(seqBefore),
    seen: examine(after, linesBefore),
  };
}

/** The first upgrade of its kind phase by phase, the others in a line each. */
function present({ title, upgrade, pauseMs, states, seen }: Outcome, count: number, kinds: number): void {
  const { state, sourceGeneration, targetGeneration, createdAt, phases } = upgrade;
  const instances = `instance ${sourceGeneration} → ${targetGeneration}`;
  if (count > kinds) {
    const gap = seen.longestGapMs.toFixed(2);
    line(`upgrade ${count}`, `${state}, ${instances}, pause ${pauseMs.toFixed(2)} ms, longest gap ${gap} ms`);
    return;
  }
  console.log('');
  line(`upgrade ${count}`, `${title}, ${instances}: ${state}`);
  for (const { name, startedAt, durationMs } of phases) {
    phase(name, Date.parse(startedAt) - Date.parse(createdAt), durationMs);
  }
  line('events', states.join(' → '));
  line('pause', `${pauseMs.toFixed(2)} ms from the source’s STOP to the target’s RESUME`);
  line('ticker', describe(seen));
}

interface Examination {
  readonly longestGapMs: number;
  readonly ticks: number;
}

/** What the guest saw from one of its lines on; fails when it saw damage. */
function examine({ lines, damaged }: TickerLog, from: number): Examination {
  if (damaged.length > 0) throw new Error(`the guest's console is damaged: ${JSON.stringify(damaged[0])}`);
  if (lines.some(({ patternIntact }) => !patternIntact))
    throw new Error('the guest found its memory changed');
  const longestGapMs = Math.max(...lines.slice(from).map(({ gapMs }) => gapMs));
  return { longestGapMs, ticks: lines.at(-1)?.ticks ?? 0 };
}

function describe({ longestGapMs, ticks }: Examination): string {
  return `longest gap ${longestGapMs.toFixed(2)} ms of its 1 kHz ticker, ${ticks} ticks, memory intact`;
}

function describePauses(pauses: readonly number[]): string {
  const { median, max } = summarize(pauses);
  return `median ${median.toFixed(2)} ms, longest ${max.toFixed(2)} ms`;
}

function seconds(startedAt: number): string {
  return ((performance.now() - startedAt) / 1000).toFixed(1);
}
