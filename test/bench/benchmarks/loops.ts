/** Speed on integer loops by the guest's own clock, baton-vmm's interpreter beside QEMU's TCG, in turns. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loops as loopsGuest } from '../../guests/loops.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { type Contender, RunningVmm } from '../contender.js';

const RUNS = 5;
const SHORT_RUNS = 2;
const ROUNDS = 600;
/** By the guest's own description; only scales the figures, never the ratio. */
const INSTRUCTIONS_PER_ROUND = 1.9e6;
const TICKS_PER_SECOND = 10_000_000;
const DEADLINE_MS = 120_000;

async function measure(contender: Contender, kernel: string): Promise<number> {
  const vmm = new RunningVmm(contender, [
    ...['-machine', 'virt', '-m', '128M', '-nodefaults', '-display', 'none', '-serial', 'stdio'],
    ...['-kernel', kernel],
  ]);
  try {
    await vmm.waitForSerial('checksum=', DEADLINE_MS);
    await vmm.waitForEnd(DEADLINE_MS);
    const ticks = Number(/loops: ticks=(\d+)/.exec(vmm.serial)?.[1]);
    return (ROUNDS * INSTRUCTIONS_PER_ROUND) / (ticks / TICKS_PER_SECOND) / 1e6;
  } finally {
    await vmm.kill();
  }
}

async function run({ baton, qemu, short, directory, log }: BenchContext): Promise<Comparison[]> {
  const kernel = join(directory, 'loops.bin');
  await writeFile(kernel, loopsGuest({ rounds: ROUNDS }).bytes);
  const speeds = new Map<Contender, number[]>([
    [baton, []],
    [qemu, []],
  ]);
  log('running the loops guest on each in turns');
  for (let count = 0; count < (short ? SHORT_RUNS : RUNS); count++) {
    for (const [contender, values] of speeds) values.push(await measure(contender, kernel));
  }
  return [
    {
      what: 'integer loops',
      unit: 'MIPS',
      subject: { name: baton.name, values: speeds.get(baton) ?? [] },
      reference: { name: `${qemu.name} TCG`, values: speeds.get(qemu) ?? [] },
      goal: { kind: 'ratio-at-least', value: 0.5 },
    },
  ];
}

export const loops: Benchmark = { name: 'loops', summary: 'speed on integer loops', run };
