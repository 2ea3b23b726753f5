/**
 * The demo itself: a guest is created, started and upgraded through the daemon's interface, and asked what
 * it saw of it. Everything that it says was measured or checked in this run; what is not as it should be
 * makes it fail.
 */
import type { DaemonClient } from './daemon-client.js';
import { EventLog } from './event-log.js';
import { readTickerOf, waitForTicker } from './guest-console.js';
import type { DemoGuest } from './guests.js';
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
  readonly mode: string;
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
    line('ticker', describeTicker(before, 0));
    for (let count = 1; count <= upgrades; count++) await upgradeOnce(client, events, machine, count);
    if (events.hasGaps) throw new Error('expected events without gaps in their numbers, some are missing');
    success(
      `${upgrades === 1 ? 'the upgrade' : `${upgrades} upgrades`} seen in ${events.events.length} events`,
    );
    await client.perform(`${machine}/kill`);
    await client.delete(machine);
  } finally {
    events.close();
  }
}

async function upgradeOnce(
  client: DaemonClient,
  events: EventLog,
  machine: string,
  count: number,
): Promise<void> {
  const linesBefore = (await readTickerOf(client, machine)).lines.length;
  const seqBefore = events.lastSeq;
  const path = await client.perform(`${machine}/upgrade`, { mode: 'cpr-transfer' });
  const upgrade = await client.get<UpgradeDocument>(path.replace('/operations/', '/upgrades/'));
  await events.waitForUpgradeState(seqBefore, upgrade.state);
  const linesAtEnd = (await readTickerOf(client, machine)).lines.length;
  const after = await waitForTicker(client, machine, linesAtEnd + LINES_AFTER, LINE_DEADLINE_MS);

  const { mode, state, sourceGeneration, targetGeneration, pauseMs } = upgrade;
  console.log('');
  line(`upgrade ${count}`, `${mode}, instance ${sourceGeneration} → ${targetGeneration}: ${state}`);
  for (const { name, startedAt, durationMs } of upgrade.phases) {
    phase(name, Date.parse(startedAt) - Date.parse(upgrade.createdAt), durationMs);
  }
  line('events', events.upgradeStatesAfter(seqBefore).join(' → '));
  if (pauseMs === null) throw new Error('expected the daemon to tell the pause, got none');
  line('pause', `${pauseMs.toFixed(2)} ms from the source’s STOP to the target’s RESUME`);
  line('ticker', describeTicker(after, linesBefore));
}

/** What the guest saw from one of its lines on; fails when it saw damage. */
function describeTicker({ lines, damaged }: TickerLog, from: number): string {
  if (damaged.length > 0) throw new Error(`the guest's console is damaged: ${JSON.stringify(damaged[0])}`);
  if (lines.some(({ patternIntact }) => !patternIntact))
    throw new Error('the guest found its memory changed');
  const seen = lines.slice(from);
  const longest = Math.max(...seen.map(({ gapMs }) => gapMs));
  return `longest gap ${longest.toFixed(2)} ms of its 1 kHz ticker, ${lines.at(-1)?.ticks} ticks, memory intact`;
}

function seconds(startedAt: number): string {
  return ((performance.now() - startedAt) / 1000).toFixed(1);
}
