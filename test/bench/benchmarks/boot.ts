/** Debian's kernel from the start of the VMM to the initramfs's shell, baton-vmm beside QEMU, in turns. */
import { findInCache } from '../../fetch/cache.js';
import { READY_LINE } from '../../fetch/initramfs.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { type Contender, RunningVmm } from '../contender.js';

const RUNS = 7;
const SHORT_RUNS = 3;
const BOOT_DEADLINE_MS = 120_000;

async function bootOnce(contender: Contender, image: string, initrd: string): Promise<number> {
  const vmm = new RunningVmm(contender, [
    ...['-machine', 'virt', '-m', '256M', '-nodefaults', '-display', 'none', '-serial', 'stdio'],
    ...['-kernel', image, '-initrd', initrd, '-append', 'console=ttyS0'],
  ]);
  try {
    await vmm.waitForSerial(READY_LINE, BOOT_DEADLINE_MS);
    return (performance.now() - vmm.startedAt) / 1000;
  } finally {
    await vmm.kill();
  }
}

async function run({ baton, qemu, short, log }: BenchContext): Promise<Comparison[]> {
  const kernel = findInCache().kernel('6.12');
  if ('missing' in kernel) throw new Error(kernel.missing);
  const times = new Map<Contender, number[]>([
    [baton, []],
    [qemu, []],
  ]);
  log('booting Debian 6.12 on each in turns');
  for (let count = 0; count < (short ? SHORT_RUNS : RUNS); count++) {
    for (const [contender, values] of times) {
      values.push(await bootOnce(contender, kernel.image, kernel.initrd));
    }
  }
  return [
    {
      what: 'boot of Debian 6.12 to the shell',
      unit: 's',
      subject: { name: baton.name, values: times.get(baton) ?? [] },
      reference: { name: qemu.name, values: times.get(qemu) ?? [] },
      goal: { kind: 'ratio-at-most', value: 1 },
    },
  ];
}

export const boot: Benchmark = { name: 'boot', summary: 'Debian’s kernel to its shell', run };
