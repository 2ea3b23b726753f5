/**
 * How long `baton` takes from its start to its end, beside a Node that does nothing, in turns: --version, which needs no
 * daemon, and machine list, which asks one that has some. --node PATH: by that Node, from an installation it has built.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BatonClient } from '../../../daemon/client/index.js';
import { DaemonProcess } from '../../demo/daemon-process.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { commandLineBy } from '../other-node.js';

const RUNS = 60;
const SHORT_RUNS = 10;
const WARM_UP = 3;
const MACHINES = 20;
/** Of the whole, on Node 22 and later: Node 20 needs half of it for itself. */
const GOAL_MS = 100;
const GOAL_OVER_NODE_MS = 50;

const BARE = ['-e', '0'];

function isOld(version: string): boolean {
  return Number(/^v(\d+)/.exec(version)?.[1]) < 22;
}

async function timed(node: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const startedAt = performance.now();
  await promisify(execFile)(node, args, { env });
  return performance.now() - startedAt;
}

async function addMachines(socketPath: string): Promise<void> {
  const client = new BatonClient({ host: `unix:${socketPath}` });
  for (let count = 0; count < MACHINES; count++) {
    await client.machines.create({ name: `m${count}`, memoryMiB: 64, kernel: '/dev/null' });
  }
  client.close();
}

async function run({ directory, node, short, log }: BenchContext): Promise<Comparison[]> {
  const main = await commandLineBy(node, join(directory, 'installed'));
  const daemon = new DaemonProcess(directory);
  const calls = { bare: BARE, version: [main, '--version'], list: [main, 'machine', 'list'] };
  const values = { bare: [] as number[], version: [] as number[], list: [] as number[] };
  try {
    await daemon.waitUntilListening();
    await addMachines(daemon.socketPath);
    const { NODE_EXTRA_CA_CERTS: _, ...others } = process.env;
    const env = { ...others, BATON_HOST: `unix:${daemon.socketPath}` };
    log(`Node ${node.version}, ${MACHINES} machines, in turns`);
    for (let count = 0; count < WARM_UP + (short ? SHORT_RUNS : RUNS); count++) {
      for (const name of ['bare', 'version', 'list'] as const) {
        const ms = await timed(node.path, calls[name], env);
        if (count >= WARM_UP) values[name].push(ms);
      }
    }
  } finally {
    await daemon.stop();
  }
  const reference = { name: 'node -e 0', values: values.bare };
  return [
    {
      what: `baton --version, Node ${node.version}`,
      unit: 'ms',
      subject: { name: 'baton', values: values.version },
      reference,
      goal: { kind: 'difference-at-most', value: GOAL_OVER_NODE_MS },
    },
    {
      what: `baton machine list, ${MACHINES} machines, Node ${node.version}`,
      unit: 'ms',
      subject: { name: 'baton', values: values.list },
      reference,
      goal: { kind: 'difference-at-most', value: GOAL_OVER_NODE_MS },
    },
    {
      what: `baton machine list, whole, Node ${node.version}`,
      unit: 'ms',
      subject: { name: 'baton', values: values.list },
      reference: null,
      goal: isOld(node.version) ? null : { kind: 'p99-at-most', value: GOAL_MS },
    },
  ];
}

export const cliStart: Benchmark = {
  name: 'cli-start',
  summary: 'from the start of baton to its end, beside node -e 0; --node PATH: run by another Node',
  run,
};
