#!/usr/bin/env node
/**
 * batond-host boot|shutdown|health: has the daemon bring all machines back, or take them down, as their documents say, and waits
 * until that is done; or asks whether it is well. For the unit that does so as the host boots and shuts down. Exit code 0 when all is done, 1 when
 * some machine is not where it should be, with a sentence for each; 2 for a wrong command line.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError, parseCommandLine } from '../config.js';
import { messageOf } from '../errors.js';
import { askDaemon, askUntilThere } from './ask-daemon.js';

const POLL_MS = 250;
/** Beyond what guests have to power off: suspending takes as long as memory is large. */
const PATIENCE_MS = 20 * 60_000;

interface Operation {
  readonly id: string;
  readonly kind: string;
  readonly machine: string;
  readonly state: string;
  readonly error: { readonly detail?: string; readonly title: string } | null;
}

interface Answer {
  readonly operations: readonly Operation[];
  readonly refused: readonly { readonly machine: string; readonly problem: { readonly detail?: string } }[];
}

/**
 * Going down is asked for again while something is in the way: an upgrade, or a suspend that failed. So is either when the
 * daemon is away: it may be on its way back.
 */
async function run(action: 'boot' | 'shutdown', socketPath: string): Promise<string[]> {
  const giveUpAtMs = performance.now() + PATIENCE_MS;
  const ask = <T>(method: 'GET' | 'POST', path: string) =>
    askUntilThere<T>({ socketPath, method, path }, giveUpAtMs - performance.now());
  const failed = new Map<string, string>();
  for (;;) {
    const { operations, refused } = await ask<Answer>('POST', `/v1/host/${action}`);
    failed.clear();
    for (const { machine, problem } of refused) failed.set(machine, problem.detail ?? 'refused');
    for (const { id } of operations) {
      let operation = await ask<Operation>('GET', `/v1/operations/${id}`);
      while (operation.state === 'running' && performance.now() < giveUpAtMs) {
        await delay(POLL_MS);
        operation = await ask<Operation>('GET', `/v1/operations/${id}`);
      }
      const { kind, machine, state, error } = operation;
      process.stdout.write(`${machine}: ${kind} ${state}\n`);
      if (state !== 'succeeded') failed.set(machine, `${kind}: ${error?.detail ?? error?.title ?? state}`);
    }
    const isOver = failed.size === 0 && (action === 'boot' || operations.length === 0);
    if (isOver || action === 'boot' || performance.now() > giveUpAtMs) break;
    if (failed.size > 0) await delay(POLL_MS);
  }
  return [...failed].map(([machine, why]) => `${machine}: ${why}`);
}

function isAction(word: string | undefined): word is 'boot' | 'shutdown' | 'health' {
  return word === 'boot' || word === 'shutdown' || word === 'health';
}

async function main([action, ...options]: readonly string[]): Promise<number> {
  if (!isAction(action)) {
    process.stderr.write('usage: batond-host boot|shutdown|health [--config FILE]\n');
    return 2;
  }
  const configured = parseCommandLine(options);
  if (configured.action !== 'run') return 2;
  const { socketPath } = configured.config;
  if (action === 'health') {
    await askDaemon({ socketPath, method: 'GET', path: '/healthz' });
    return 0;
  }
  const failures = await run(action, socketPath);
  for (const failure of failures) process.stderr.write(`batond-host: ${failure}\n`);
  return failures.length === 0 ? 0 : 1;
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`batond-host: ${messageOf(error)}\n`);
  process.exit(error instanceof ConfigError ? 2 : 1);
}
