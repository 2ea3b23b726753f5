/**
 * `npm run demo [-- --linux | --qemu] [-- --upgrades N]`: a running guest moves to a new VMM process, ordered over
 * REST. Works in throw-away folders as an ordinary user, and leaves no process, file or socket behind,
 * however it ends.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programArguments } from '../helpers/program-arguments.js';
import { DaemonClient } from './daemon-client.js';
import { DaemonProcess } from './daemon-process.js';
import { runDemo } from './demo.js';
import { builtInGuest, type DemoGuest, linuxGuest } from './guests.js';
import { endProcessesNaming, leftovers } from './leftovers.js';
import { qemuGuest } from './qemu-guest.js';
import { failure, line, success, title } from './screen.js';

const USAGE = `npm run demo -- [--linux | --qemu] [--upgrades N]

Upgrades a running guest, live: a tiny one of ours, Debian's kernel, or a q35 machine on two QEMUs (npm run fetch).`;
/** Socket paths have 107 bytes, and the daemon adds its own folders: a long TMPDIR would not do. */
const LONGEST_TMPDIR = 40;
const LOG_LINES = 12;

interface DemoArguments {
  readonly guest: 'built-in' | 'linux' | 'qemu';
  /** Absent: each of the guest's once. */
  readonly upgrades: number | undefined;
}

function readArguments(): DemoArguments {
  const { values } = programArguments(USAGE, {
    linux: { type: 'boolean', default: false },
    qemu: { type: 'boolean', default: false },
    upgrades: { type: 'string' },
  });
  if (values.linux && values.qemu) throw new Error('expected --linux or --qemu, got both');
  const guest = values.qemu ? 'qemu' : values.linux ? 'linux' : 'built-in';
  if (values.upgrades === undefined) return { guest, upgrades: undefined };
  const upgrades = Number(values.upgrades);
  if (!Number.isInteger(upgrades) || upgrades < 1) {
    throw new Error(`expected --upgrades to be a positive whole number, got ${values.upgrades}`);
  }
  return { guest, upgrades };
}

class Interruption extends Error {}

/** Rejects at the first Ctrl-C or request to end. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => reject(new Interruption(`interrupted by ${signal}`)));
    }
  });
}

async function present(directory: string, daemon: DaemonProcess, options: DemoArguments): Promise<void> {
  const client = new DaemonClient(daemon.socketPath);
  await daemon.waitUntilListening();
  line('batond', `process ${daemon.pid} on ${daemon.socketPath}`);
  const guest = await makeGuest(directory, client, options);
  await runDemo({ client, guest, upgrades: options.upgrades ?? guest.upgrades.length });
}

function makeGuest(directory: string, client: DaemonClient, { guest }: DemoArguments): Promise<DemoGuest> {
  if (guest === 'qemu') return qemuGuest(directory, client);
  return guest === 'linux' ? linuxGuest(directory) : builtInGuest(directory);
}

/** Ends what still runs and removes the folder. Resolves with what had to be ended by force. */
async function cleanUp(directory: string, daemon: DaemonProcess): Promise<string[]> {
  await daemon.stop();
  const strays = await endProcessesNaming(directory);
  await rm(directory, { recursive: true, force: true });
  return strays.map(({ pid, commandLine }) => `process ${pid}: ${commandLine.slice(0, 120)}`);
}

/** The end of the daemon's log, which may know more. */
function showEnd(output: string): void {
  const lines = output.trimEnd().split('\n').slice(-LOG_LINES);
  for (const text of lines) if (text !== '') console.error(`    batond: ${text}`);
}

async function main(): Promise<void> {
  const options = readArguments();
  const root = tmpdir().length <= LONGEST_TMPDIR ? tmpdir() : '/tmp';
  const directory = await mkdtemp(join(root, 'baton-demo-'));
  await chmod(directory, 0o700);
  const interrupted = interruption();
  const daemon = new DaemonProcess(directory);
  title('Baton: a running guest moves to a new VMM process');
  let failed = true;
  const presented = present(directory, daemon, options);
  try {
    await Promise.race([presented, interrupted]);
    failed = false;
  } catch (error) {
    failure((error as Error).message);
    if (!(error instanceof Interruption)) showEnd(daemon.output);
  } finally {
    // When the race was lost to an interruption, what the demo says afterwards is of no interest.
    presented.catch(() => undefined);
    const strays = await cleanUp(directory, daemon);
    const left = [...(failed ? [] : strays), ...(await leftovers(directory))];
    for (const thing of left) failure(`left behind: ${thing}`);
    if (left.length === 0) success('nothing left behind: no process, file or socket');
    process.exit(failed || left.length > 0 ? 1 : 0);
  }
}

await main();
