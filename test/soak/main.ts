/**
 * `npm run soak -- [--minutes N] [--seed S] [--from ROUND] [--machines N]`: upgrades running guests again and again
 * while processes are killed and frozen, the disk fills and strangers write to the sockets, and checks after each round
 * that what Baton promises still holds. A round is fixed by seed and number, its moments as far as timing allows.
 * `npm run soak -- debian [--upgrades N]`: see debian.ts.
 */

import { isInOwnNetwork } from '../e2e/own-network.js';
import { programArguments } from '../helpers/program-arguments.js';
import { soakDebian } from './debian.js';
import { DaemonJudge } from './oracle.js';
import { describeFault, planRound } from './plan.js';
import { playRound } from './round.js';
import { Stage } from './stage.js';

const USAGE = `npm run soak -- [--minutes N] [--seed S] [--from ROUND] [--machines N]
npm run soak -- debian [--upgrades N]

Upgrades running guests again and again under faults, or a Debian at work, and checks what Baton promises.`;
const MEMORIES_MIB = [64, 128, 96];

function readArguments() {
  const { values, positionals } = programArguments(
    USAGE,
    {
      upgrades: { type: 'string', default: '100' },
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string', default: String(Date.now() % 100_000) },
      from: { type: 'string', default: '1' },
      machines: { type: 'string', default: '2' },
    },
    { allowPositionals: true },
  );
  const read = (name: keyof typeof values) => {
    const number = Number(values[name]);
    if (!(number > 0)) throw new Error(`expected --${name} to be a number above 0, got ${values[name]}`);
    return number;
  };
  const [what = 'batond', ...more] = positionals;
  if (more.length > 0 || (what !== 'batond' && what !== 'debian')) {
    throw new Error(`expected to soak batond (the default) or debian, got ${positionals.join(' ')}`);
  }
  return {
    ...{ what, upgrades: read('upgrades') },
    ...{ minutes: read('minutes'), seed: read('seed'), from: read('from'), machines: read('machines') },
  };
}

async function main({ minutes, seed, from, machines }: ReturnType<typeof readArguments>): Promise<number> {
  const memories = MEMORIES_MIB.slice(0, machines);
  const endAtMs = performance.now() + minutes * 60_000;
  let stage: Stage | null = null;
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      interrupted = true;
    });
  let violations = 0;
  let round = from;
  console.log(`seed ${seed}, ${minutes} min, ${memories.length} machines`);
  let judge = new DaemonJudge();
  try {
    for (; performance.now() < endAtMs && !interrupted; round++) {
      stage ??= await Stage.set(memories);
      const plan = planRound(seed, round, memories.length);
      let complaints: readonly string[];
      try {
        const result = await playRound(stage, plan);
        complaints = [...result.complaints, ...judge.judge(stage)];
        console.log(`round ${round}: ${result.story}`);
      } catch (error) {
        complaints = [`the round could not be played: ${(error as Error).stack}`, ...judge.judge(stage)];
      }
      if (complaints.length === 0) continue;
      violations++;
      console.log(
        `VIOLATION in round ${round} of seed ${seed} (${plan.faults.map(describeFault).join(', ')}):`,
      );
      for (const complaint of complaints) console.log(`    ${complaint}`);
      console.log(
        stage.daemonOutput
          .split('\n')
          .slice(-40)
          .map((line) => `    batond: ${line}`)
          .join('\n'),
      );
      await stage.clear();
      stage = null;
      judge = new DaemonJudge();
    }
  } finally {
    await stage?.clear();
  }
  console.log(`${round - from} rounds, ${violations} violations`);
  return violations === 0 ? 0 : 1;
}

const options = readArguments();
if (options.what === 'batond') process.exitCode = await main(options);
else if (await isInOwnNetwork(import.meta.url)) process.exitCode = await soakDebian(options.upgrades);
