/**
 * A disk as programs in a Linux guest see it, baton-vmm beside QEMU in turns: the same raw image in the host's page
 * cache, the same kernel. The guest's CPU is emulated in both, so what is measured is the whole way of a request.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findInCache } from '../../fetch/cache.js';
import { cpio } from '../../fetch/cpio.js';
import { DISK_TESTS, type DiskTest, linuxDiskBench } from '../../guests/linux-disk-bench.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { type Contender, RunningVmm } from '../contender.js';

const RUNS = 5;
const SHORT_RUNS = 1;
const DEADLINE_MS = 600_000;
const DISK_BYTES = 64 * 1024 * 1024;
const LINE = /^bench: (\S+) ops=(\d+) ns=(\d+)\r?$/gm;

/** Nanoseconds per request, by the test's name. */
type Times = ReadonlyMap<string, number>;

async function measure(contender: Contender, image: string, initrd: string, kernel: string): Promise<Times> {
  const vmm = new RunningVmm(contender, [
    ...['-machine', 'virt', '-m', '256M', '-nodefaults', '-display', 'none', '-serial', 'stdio'],
    ...['-global', 'virtio-mmio.force-legacy=false', '-no-reboot'],
    ...['-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 quiet loglevel=1'],
    ...['-drive', `if=none,id=d0,file=${image},format=raw`, '-device', 'virtio-blk-device,drive=d0'],
  ]);
  try {
    await vmm.waitForSerial('bench: end', DEADLINE_MS);
    const lines = [...vmm.serial.matchAll(LINE)];
    return new Map(lines.map(([, name = '', ops, ns]) => [name, Number(ns) / Number(ops)]));
  } finally {
    await vmm.kill();
  }
}

async function makeInitrd(directory: string, initrd: string): Promise<string> {
  const run = Buffer.from('#!/bin/sh\nexec /etc/baton/bench\n');
  const addition = cpio([
    { type: 'directory', name: 'etc' },
    { type: 'directory', name: 'etc/baton' },
    { type: 'file', name: 'etc/baton/bench', data: linuxDiskBench().bytes, mode: 0o755 },
    { type: 'file', name: 'etc/baton/run', data: run, mode: 0o755 },
  ]);
  const path = join(directory, 'bench.cpio');
  await writeFile(path, Buffer.concat([await readFile(initrd), addition]));
  return path;
}

async function run({ baton, qemu, short, directory, log }: BenchContext): Promise<Comparison[]> {
  const kernel = findInCache().kernel('7.2');
  if ('missing' in kernel) throw new Error(kernel.missing);
  const initrd = await makeInitrd(directory, kernel.initrd);
  const image = join(directory, 'disk.img');
  await writeFile(image, Buffer.alloc(DISK_BYTES, 1));
  const times = new Map<Contender, Times[]>([
    [baton, []],
    [qemu, []],
  ]);
  const runs = short ? SHORT_RUNS : RUNS;
  for (let count = 1; count <= runs; count++) {
    for (const [contender, values] of times) {
      log(`${contender.name}, ${count} of ${runs}`);
      values.push(await measure(contender, image, initrd, kernel.image));
    }
  }
  const side = (contender: Contender, of: (ns: number) => number, { name }: DiskTest) => ({
    name: contender.name,
    values: (times.get(contender) ?? []).map((one) => of(one.get(name) ?? Number.NaN)),
  });
  return DISK_TESTS.map((test): Comparison => {
    const { operation, sizeBytes, isRandom, depth, durable } = test;
    const kind = `${isRandom ? 'random' : 'sequential'} ${operation} of ${sizeBytes / 1024} KiB`;
    const perMiB = (ns: number) => sizeBytes / 2 ** 20 / (ns / 1e9);
    const perRequest = (ns: number) => ns / 1e6;
    const of = isRandom ? perRequest : perMiB;
    return {
      what: `${kind}, ${depth} under way${durable ? ', each with fdatasync' : ''}`,
      unit: isRandom ? 'ms' : 'MiB/s',
      subject: side(baton, of, test),
      reference: side(qemu, of, test),
      goal: isRandom ? { kind: 'ratio-at-most', value: 1.5 } : { kind: 'ratio-at-least', value: 0.7 },
    };
  });
}

export const disk: Benchmark = { name: 'disk', summary: 'a raw image under a Linux guest', run };
