/**
 * The pause of each mode by a bare QMP script, baton-vmm and QEMU with the same guest in turns, for little and much
 * memory; what the pause of a cpr-exec is made of; the sizes of the streams; and what remains to the limit. The
 * target starts stopped and is asked what it is before it may run, as batond does.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ticker } from '../../guests/ticker.js';
import { BareQemu, MachineArguments, type Mode } from '../bare-qemu.js';
import type { BenchContext, Benchmark, Comparison, Goal } from '../benchmark.js';
import { machineArguments } from '../contender.js';
import { bareStarts, socketRoundTrips } from '../limits.js';
import { stepsOf } from '../start-steps.js';

const RUNS = 30;
const SHORT_RUNS = 4;
const ROUND_TRIPS = 200;
const MODES: readonly Mode[] = ['cpr-transfer', 'cpr-exec', 'cpr-reboot'];
const SIZES_MIB = [128, 1024, 3072] as const;
/** The size that the goals are for. */
const GOAL_MIB = 1024;
const BYTES_PER_KIB = 1024;

interface Measured {
  readonly mode: Mode;
  readonly memoryMiB: number;
  readonly baton: BareQemu;
  readonly qemu: BareQemu;
}

function goalOf(mode: Mode, memoryMiB: number, nodeVersion: string): Goal | null {
  if (memoryMiB !== GOAL_MIB || mode === 'cpr-reboot') return null;
  const isOld = Number(/^v(\d+)/.exec(nodeVersion)?.[1]) < 22;
  return { kind: 'ratio-at-most', value: mode === 'cpr-transfer' ? 0.5 : isOld ? 1 : 0.6 };
}

async function race(context: BenchContext, mode: Mode, memoryMiB: number, kernel: string): Promise<Measured> {
  const { baton, qemu, short, directory } = context;
  const args = new MachineArguments([
    ...machineArguments({ kernel, memoryMiB }),
    ...['-serial', 'null', '-S', '-qmp', 'unix:{folder}/qmp.sock,server=on,wait=off'],
  ]);
  const pair = [baton, qemu].map((contender, index) => ({
    contender,
    machine: new BareQemu(args, join(directory, `${mode}-${memoryMiB}-${index}`)),
  }));
  try {
    for (const { machine, contender } of pair) await machine.start(contender);
    for (let count = 0; count < (short ? SHORT_RUNS : RUNS); count++) {
      for (const { machine, contender } of pair) await machine.upgrade(mode, contender);
    }
  } finally {
    for (const { machine } of pair) await machine.end();
  }
  const [ours, theirs] = pair.map(({ machine }) => machine) as [BareQemu, BareQemu];
  return { mode, memoryMiB, baton: ours, qemu: theirs };
}

async function run(context: BenchContext): Promise<Comparison[]> {
  const { directory, node, short, log } = context;
  const kernel = join(directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  const trace = join(directory, 'trace');
  process.env.BATON_TRACE = trace;
  const measured: Measured[] = [];
  try {
    for (const mode of MODES) {
      for (const memoryMiB of SIZES_MIB) {
        log(`${mode}, ${memoryMiB} MiB, in turns`);
        measured.push(await race(context, mode, memoryMiB, kernel));
      }
    }
  } finally {
    delete process.env.BATON_TRACE;
  }
  log('the limits');
  const starts = await bareStarts(node.path, short ? SHORT_RUNS : RUNS);
  const roundTrips = await socketRoundTrips(directory, short ? SHORT_RUNS : ROUND_TRIPS);
  const marks = existsSync(trace) ? await readFile(trace, 'utf8') : '';
  return [
    ...measured.flatMap((machines) => sideBySide(context, machines)),
    ...bySize(context, measured),
    ...stepsIn(marks, measured),
    ...remaining(context, measured, { starts, roundTrips }),
  ];
}

function sideBySide(context: BenchContext, { mode, memoryMiB, baton, qemu }: Measured): Comparison[] {
  const sides = (valuesOf: (machine: BareQemu) => readonly number[]) => ({
    subject: { name: context.baton.name, values: valuesOf(baton) },
    reference: { name: context.qemu.name, values: valuesOf(qemu) },
  });
  const pauses: Comparison = {
    what: `pause of ${mode}, ${memoryMiB} MiB`,
    unit: 'ms',
    ...sides((machine) => machine.pauses),
    goal: goalOf(mode, memoryMiB, context.node.version),
  };
  if (baton.stateBytes.length === 0) return [pauses];
  const kib = (machine: BareQemu) => machine.stateBytes.map((bytes) => bytes / BYTES_PER_KIB);
  return [pauses, { what: `stream of ${mode}, ${memoryMiB} MiB`, unit: 'KiB', ...sides(kib), goal: null }];
}

/** Whether the pause depends on the size of the memory. */
function bySize(context: BenchContext, measured: readonly Measured[]): Comparison[] {
  const [least, most] = [SIZES_MIB[0], SIZES_MIB[SIZES_MIB.length - 1]];
  return MODES.filter((mode) => mode !== 'cpr-reboot').map((mode) => {
    const side = (memoryMiB: number | undefined) => ({
      name: `${memoryMiB} MiB`,
      values: measured.find((one) => one.mode === mode && one.memoryMiB === memoryMiB)?.baton.pauses ?? [],
    });
    return {
      what: `pause of ${mode} with much memory beside little, ${context.baton.name}`,
      unit: 'ms',
      subject: side(most),
      reference: side(least),
      goal: { kind: 'ratio-at-most', value: 1.2 },
    };
  });
}

function stepsIn(marks: string, measured: readonly Measured[]): Comparison[] {
  const pauses = measured.filter(({ mode }) => mode === 'cpr-exec').flatMap(({ baton }) => baton.stretches);
  return stepsOf(marks, pauses).map(({ name, valuesMs }) => ({
    what: `in the pause of cpr-exec, all sizes: ${name}`,
    unit: 'ms',
    subject: { name: 'step', values: valuesMs },
    reference: null,
    goal: null,
  }));
}

function remaining(
  context: BenchContext,
  measured: readonly Measured[],
  limits: { readonly starts: readonly number[]; readonly roundTrips: readonly number[] },
): Comparison[] {
  const beside = (mode: Mode, name: string, values: readonly number[]): Comparison => ({
    what: `pause of ${mode}, all sizes, beside its limit`,
    unit: 'ms',
    subject: {
      name: context.baton.name,
      values: measured.filter((one) => one.mode === mode).flatMap(({ baton }) => baton.pauses),
    },
    reference: { name, values },
    goal: null,
  });
  return [
    beside('cpr-transfer', 'a unix socket round trip', limits.roundTrips),
    beside('cpr-exec', `node -e 0, ${context.node.version}`, limits.starts),
  ];
}

export const pauseModes: Benchmark = {
  name: 'pause-modes',
  summary: 'each mode by a QMP script, by memory size; --node PATH: run by another Node',
  run,
};
