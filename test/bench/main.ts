/**
 * `npm run bench [NAME…] [--short] [--json FILE] [--node PATH]`: measures baton-vmm beside QEMU in one run and says how
 * they compare with the goals. Figures depend on the machine, ratios hardly: never assert on either.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcessesNaming } from '../demo/leftovers.js';
import { isInOwnNetwork, ownNetworkMissing } from '../e2e/own-network.js';
import { exitWithUsage, programArguments } from '../helpers/program-arguments.js';
import type { Benchmark } from './benchmark.js';
import { batondStart } from './benchmarks/batond-start.js';
import { boot } from './benchmarks/boot.js';
import { cliStart } from './benchmarks/cli-start.js';
import { daemonMemory } from './benchmarks/daemon-memory.js';
import { devices } from './benchmarks/devices.js';
import { disk } from './benchmarks/disk.js';
import { eventsFanout } from './benchmarks/events-fanout.js';
import { fleet } from './benchmarks/fleet.js';
import { guestGapQemu } from './benchmarks/guest-gap-qemu.js';
import { loops } from './benchmarks/loops.js';
import { memory } from './benchmarks/memory.js';
import { network } from './benchmarks/network.js';
import { pause } from './benchmarks/pause.js';
import { pauseDaemon } from './benchmarks/pause-daemon.js';
import { pauseModes } from './benchmarks/pause-modes.js';
import { pauseQemu } from './benchmarks/pause-qemu.js';
import { qmpLatency } from './benchmarks/qmp-latency.js';
import { reattach } from './benchmarks/reattach.js';
import { rest } from './benchmarks/rest.js';
import { qemu, RunningVmm } from './contender.js';
import { batonBy, findNode } from './other-node.js';
import { type ComparisonReport, describeMachine, judge, render } from './report.js';

const BENCHMARKS: readonly Benchmark[] = [
  pause,
  pauseModes,
  pauseDaemon,
  pauseQemu,
  guestGapQemu,
  fleet,
  boot,
  loops,
  memory,
  qmpLatency,
  cliStart,
  network,
  disk,
  devices,
  rest,
  eventsFanout,
  batondStart,
  daemonMemory,
  reattach,
];
/** Files here are memory, as a memfd is. */
const MEMORY_ROOT = '/dev/shm';

class Interruption extends Error {}

function chosen(names: readonly string[]): readonly Benchmark[] {
  if (names.length === 0) return BENCHMARKS;
  return names.map((name) => {
    const benchmark = BENCHMARKS.find((candidate) => candidate.name === name);
    if (benchmark !== undefined) return benchmark;
    const known = BENCHMARKS.map((candidate) => candidate.name).join(', ');
    return exitWithUsage(
      'npm run bench -- --help tells more',
      `expected a benchmark's name (${known}), got ${name}`,
    );
  });
}

/** Rejects at the first Ctrl-C or request to end. */
const interrupted = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => reject(new Interruption(`interrupted by ${signal}`)));
  }
});
interrupted.catch(() => undefined);

async function runOne(benchmark: Benchmark, short: boolean): Promise<ComparisonReport[]> {
  console.log(`\n${benchmark.name}: ${benchmark.summary}`);
  const directory = await mkdtemp(join(tmpdir(), 'baton-bench-'));
  const memoryDirectory = await mkdtemp(join(MEMORY_ROOT, 'baton-bench-'));
  const log = (line: string) => console.log(`  … ${line}`);
  try {
    const baton = await batonBy(node, join(directory, 'installed'));
    const context = { short, directory, memoryDirectory, baton, node, qemu: qemu(), log };
    const reports = (await Promise.race([benchmark.run(context), interrupted])).map(judge);
    for (const report of reports) console.log(render(report));
    return reports;
  } finally {
    await RunningVmm.killAll();
    await endProcessesNaming(directory);
    await rm(directory, { recursive: true, force: true });
    await rm(memoryDirectory, { recursive: true, force: true });
  }
}

const USAGE = `npm run bench -- [NAME…] [--short] [--json FILE] [--node PATH]

Measures beside QEMU, in one run. Without a NAME all of them; some are for another Node.

  --short        few runs: whether it works
  --json FILE    write the figures there too
  --node PATH    the Node that runs Baton's programs

${BENCHMARKS.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join('\n')}`;
const { values, positionals } = programArguments(
  USAGE,
  { short: { type: 'boolean', default: false }, json: { type: 'string' }, node: { type: 'string' } },
  { allowPositionals: true },
);
const benchmarks = chosen(positionals);
const node = await findNode(values.node);
const wantsNetwork = benchmarks.some(({ ownNetwork }) => ownNetwork === true);
if (wantsNetwork && (await ownNetworkMissing()) === null && !(await isInOwnNetwork(import.meta.url))) {
  process.exit();
}
const machine = describeMachine();
console.log(
  `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, ` +
    `Node ${machine.node}, load ${machine.loadAverage}`,
);
const results: Record<string, ComparisonReport[] | { error: string }> = {};
for (const benchmark of benchmarks) {
  try {
    results[benchmark.name] = await runOne(benchmark, values.short);
  } catch (error) {
    if (error instanceof Interruption) {
      console.error(`  ${error.message}`);
      process.exit(130);
    }
    console.error(`  failed: ${(error as Error).stack}`);
    results[benchmark.name] = { error: (error as Error).message };
    process.exitCode = 1;
  }
}
if (values.json !== undefined) {
  const document = { takenAt: new Date().toISOString(), machine, short: values.short, results };
  await writeFile(values.json, `${JSON.stringify(document, null, 2)}\n`);
}
