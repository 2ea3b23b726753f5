/** What a round will do, drawn in advance from its seed: which machine, which fault, and when. */
import { UPGRADE_STATES, type UpgradeState } from '../../daemon/upgrade.js';
import { Random } from './random.js';

export const FAULTS = [
  'kill-daemon',
  'end-daemon',
  'kill-target',
  'freeze-target',
  'kill-source',
  'freeze-source',
  'cancel',
  'remove-socket',
  'second-upgrade',
  'pause',
  'resume',
  'stop',
  'fill-disk',
  'garbage',
] as const;
export type FaultName = (typeof FAULTS)[number];

export interface PlannedFault {
  readonly name: FaultName;
  readonly machine: number;
  /** The upgrade's state to wait for; null: its order. */
  readonly state: string | null;
  readonly delayMs: number;
  /** How long a state lasts: a disk full, a process frozen, a daemon away, a stranger connected. */
  readonly lastsMs: number;
  readonly socket: 'cpr' | 'main' | 'qmp';
}

export interface RoundPlan {
  /** When each machine's upgrade is ordered, from the round's begin. */
  readonly orderAtMs: readonly number[];
  /** Machines that are paused before. */
  readonly paused: readonly boolean[];
  readonly faults: readonly PlannedFault[];
}

/** Every upgrade goes through these; the shorter a state, the more often it is aimed at. */
const FORWARD: readonly UpgradeState[] = [
  'preflight',
  'preparing',
  'transferring',
  ...(['configuring', 'paused', 'verifying', 'committing', 'finishing'] as const).flatMap(
    (state) => [state, state] as const,
  ),
];
/** What a second fault can aim at, when a first made the upgrade go back. */
const ANY = UPGRADE_STATES.filter((state) => state !== 'pending');
const LONGEST_UPGRADE_MS = 2_000;

export function planRound(seed: number, round: number, machines: number): RoundPlan {
  const random = new Random(`${seed}/${round}`);
  const indices = Array.from({ length: machines }, (_, index) => index);
  const orderAtMs = indices.map(() => random.whole(0, 300));
  const paused = indices.map(() => random.chance(0.1));
  const count = random.pick([0, 1, 1, 1, 1, 2, 2, 2, 3, 3]);
  const faults = Array.from({ length: count }, (_, index): PlannedFault => {
    const byState = random.chance(0.7);
    return {
      name: random.pick(FAULTS),
      machine: random.whole(0, machines - 1),
      state: byState ? random.pick(index === 0 ? FORWARD : ANY) : null,
      delayMs: byState ? random.pick([0, 0, 1, 2, 5, 20]) : random.whole(0, LONGEST_UPGRADE_MS),
      lastsMs: random.pick([0, 20, 200, 1_000, 4_000]),
      socket: random.pick(['cpr', 'main', 'qmp'] as const),
    };
  });
  return { orderAtMs, paused, faults: faults.filter(isFirstOfTheDaemon) };
}

/** A daemon that is being restarted cannot be ended once more. */
function isFirstOfTheDaemon({ name }: PlannedFault, index: number, all: readonly PlannedFault[]): boolean {
  return !name.endsWith('-daemon') || all.findIndex((other) => other.name.endsWith('-daemon')) === index;
}

export function describeFault({ name, machine, state, delayMs, lastsMs, socket }: PlannedFault): string {
  const what = name === 'remove-socket' || name === 'garbage' ? `${name} ${socket}` : name;
  return `${what} of m${machine} ${delayMs} ms after ${state ?? 'the order'} for ${lastsMs} ms`;
}
