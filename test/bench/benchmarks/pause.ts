/**
 * The pause of a cpr-transfer and the standstill that the guest has of it: baton-vmm beside QEMU with the
 * same guest, memory and QMP script, turn by turn; and baton-vmm with much memory beside little.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ticker } from '../../guests/ticker.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import type { Contender } from '../contender.js';
import { Relay } from '../relay.js';

const RUNS = 50;
const SHORT_RUNS = 8;
/** Both machines live at once and are handed over in turns, so that both meet the same host. */
async function race(context: BenchContext, relays: readonly Relay[]): Promise<void> {
  try {
    for (const relay of relays) await relay.start();
    for (let run = 0; run < (context.short ? SHORT_RUNS : RUNS); run++) {
      for (const relay of relays) await relay.upgrade();
    }
  } finally {
    for (const relay of relays) await relay.end();
  }
}

async function run(context: BenchContext): Promise<Comparison[]> {
  const { baton, qemu } = context;
  const kernel = join(context.directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  const relay = (contender: Contender, name: string, memoryMiB: number) =>
    new Relay(context, contender, name, kernel, memoryMiB);

  context.log('1 GiB, baton-vmm and QEMU in turns');
  const [subject, reference] = [relay(baton, 'b', 1024), relay(qemu, 'q', 1024)];
  await race(context, [subject, reference]);
  context.log('baton-vmm with 3 GiB and 256 MiB in turns');
  const [large, small] = [relay(baton, 'l', 3072), relay(baton, 's', 256)];
  await race(context, [large, small]);

  return [
    {
      what: 'cpr-transfer pause, 1 GiB',
      unit: 'ms',
      subject: { name: baton.name, values: subject.measured.pauses },
      reference: { name: qemu.name, values: reference.measured.pauses },
      goal: { kind: 'ratio-at-most', value: 0.5 },
    },
    {
      what: 'standstill of the guest around the pause, 1 GiB',
      unit: 'ms',
      subject: { name: baton.name, values: subject.measured.standstills },
      reference: { name: qemu.name, values: reference.measured.standstills },
      goal: null,
    },
    {
      what: 'longest standstill of the guest during the whole upgrade, 1 GiB',
      unit: 'ms',
      subject: { name: baton.name, values: subject.measured.longest },
      reference: { name: qemu.name, values: reference.measured.longest },
      goal: null,
    },
    {
      what: 'standstill of the guest around the pause, beside the pause, baton-vmm',
      unit: 'ms',
      subject: { name: 'standstill', values: subject.measured.standstills },
      reference: { name: 'pause', values: subject.measured.pauses },
      goal: { kind: 'difference-at-most', value: 2 },
    },
    {
      what: 'longest gap by the guest’s own clock during the whole upgrade, beside the pause, baton-vmm',
      unit: 'ms',
      subject: { name: 'gap', values: subject.measured.ownGaps },
      reference: { name: 'pause', values: subject.measured.pauses },
      goal: { kind: 'difference-at-most', value: 2 },
    },
    {
      what: 'pause with 3 GiB beside 256 MiB, baton-vmm',
      unit: 'ms',
      subject: { name: '3 GiB', values: large.measured.pauses },
      reference: { name: '256 MiB', values: small.measured.pauses },
      goal: { kind: 'ratio-at-most', value: 1.2 },
    },
  ];
}

export const pause: Benchmark = { name: 'pause', summary: 'cpr-transfer by a QMP script', run };
