/**
 * A process that looks into the ticker's status page from outside, in the file that is the guest's RAM,
 * and measures by the host's clock how long the tick counter stood still. It sees the guest's real
 * standstill whatever the VMM does to the guest's own clock. Started by `guest-gap.ts`.
 *
 * Messages in: `start` forgets what was; `report` asks for what was seen since. Usage: sampler.js FILE OFFSET
 */
import { openSync, readSync } from 'node:fs';

/** How often to look: well below the millisecond of a tick, at about a tenth of a core. */
const INTERVAL_MS = 0.1;
/** Looks between two turns of the event loop, in which messages are served. */
const LOOKS_PER_TURN = 20;

/** Times by the wall clock, which QMP's timestamps use. */
export interface Standstill {
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface GapReport {
  /** Every standstill of more than a tick and a half. */
  readonly standstills: readonly Standstill[];
  readonly ticks: number;
}

const NOTABLE_MS = 1.5;
/** Far more than an upgrade has; a guest that hardly runs must not fill the memory. */
const MOST_STANDSTILLS = 10_000;

const [path = '', offset = ''] = process.argv.slice(2);
const file = openSync(path, 'r');
const page = Buffer.alloc(8);
const sleep = new Int32Array(new SharedArrayBuffer(4));
let lastTicks = -1n;
let changedAt = performance.now();
let standstills: Standstill[] = [];

function look(): void {
  readSync(file, page, 0, page.length, Number(offset));
  const ticks = page.readBigUInt64LE(0);
  const now = performance.now();
  if (ticks === lastTicks) return;
  if (now - changedAt > NOTABLE_MS && standstills.length < MOST_STANDSTILLS) {
    standstills.push({
      fromMs: performance.timeOrigin + changedAt,
      untilMs: performance.timeOrigin + now,
    });
  }
  lastTicks = ticks;
  changedAt = now;
}

function turn(): void {
  for (let count = 0; count < LOOKS_PER_TURN; count++) {
    look();
    Atomics.wait(sleep, 0, 0, INTERVAL_MS);
  }
  setImmediate(turn);
}

process.on('message', (message) => {
  look();
  if (message === 'start') standstills = [];
  const report: GapReport = { standstills, ticks: Number(lastTicks) };
  process.send?.(report);
});
process.on('disconnect', () => process.exit(0));
turn();
