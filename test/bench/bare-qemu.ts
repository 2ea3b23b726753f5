/**
 * Upgrades of a QEMU, or a baton-vmm, by nothing but QMP: what batond says to both sides, in the same order, with no journal, no
 * process of its own to look after and nothing to go back by. The yardstick for what batond adds to a pause.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { execa } from 'execa';
import type { DaemonClient } from '../demo/daemon-client.js';
import { waitFor } from '../helpers/wait.js';
import { type Contender, type MonitoredVmm, RunningVmm } from './contender.js';
import { migrate, retire } from './hand-over.js';
import { Qmp } from './qmp.js';
import type { Pause } from './start-steps.js';

export type Mode = 'cpr-transfer' | 'cpr-exec' | 'cpr-reboot';

/** QEMU limits itself for the sake of others on a network. */
const NO_LIMIT_BYTES_PER_SECOND = 2 ** 40;
const FIRST_ARGUMENT = '-nodefaults';

/** The command line of a machine of batond's, with a placeholder where each generation's folder is to be. */
export class MachineArguments {
  readonly #args: readonly string[];

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  /** As batond runs the machine at this path: the same machine, but for its sockets and files. */
  static async ofMachine(client: DaemonClient, machine: string): Promise<MachineArguments> {
    const { instances } = await client.get<{ instances: { pid: number | null; qmpSocket: string }[] }>(
      `${machine}/instances`,
    );
    const running = instances.find(({ pid }) => pid !== null);
    if (running === undefined) throw new Error(`expected ${machine} to have an instance`);
    const words = (await readFile(`/proc/${running.pid}/cmdline`, 'utf8')).split('\0').slice(0, -1);
    const start = words.indexOf(FIRST_ARGUMENT);
    if (start < 0) throw new Error(`expected ${FIRST_ARGUMENT} on the command line of ${machine}`);
    const logs =
      /logfile=([^,]+)\/[^/,]+/.exec(words.find((word) => word.includes('logfile=')) ?? '')?.[1] ?? '';
    const folders = [dirname(running.qmpSocket), logs].filter((folder) => folder !== '');
    const args = words.slice(start);
    return new MachineArguments(
      folders.reduce((list, folder) => list.map((word) => word.replaceAll(folder, '{folder}')), args),
    );
  }

  /** With the pipes that a VMM expects to be there. */
  async in(folder: string): Promise<string[]> {
    const args = this.#args.map((word) => word.replaceAll('{folder}', folder));
    for (const word of args) {
      const pipe = /^pipe,.*path=([^,]+)/.exec(word)?.[1];
      if (pipe === undefined) continue;
      await rm(pipe, { force: true });
      await execa('mkfifo', [pipe]);
    }
    return args;
  }
}

export class BareQemu {
  readonly pauses: number[] = [];
  /** The same pauses, by the VMMs' clocks. */
  readonly stretches: Pause[] = [];
  /** Sizes of the files that states went through. */
  readonly stateBytes: number[] = [];
  readonly #args: MachineArguments;
  readonly #directory: string;
  #generation = 0;
  #current: MonitoredVmm | undefined;

  constructor(args: MachineArguments, directory: string) {
    this.#args = args;
    this.#directory = directory;
  }

  async start(contender: Contender): Promise<void> {
    const directory = await this.#nextDirectory();
    const vmm = new RunningVmm(contender, await this.#args.in(directory));
    try {
      const qmp = await Qmp.connect(`${directory}/qmp.sock`);
      await qmp.execute('cont');
      this.#current = { vmm, qmp, directory };
    } catch (error) {
      await vmm.kill();
      throw error;
    }
  }

  /** The process that has the guest. */
  get vmm(): RunningVmm {
    return this.#source().vmm;
  }

  /** What the guest has printed on the console of this generation. */
  console(): Promise<string> {
    return readFile(`${this.#source().directory}/console.log`, 'latin1');
  }

  async upgrade(mode: Mode, contender: Contender): Promise<void> {
    const source = this.#source();
    /* It has told of its own loading, which is not to be taken for what comes now. */
    source.qmp.events.splice(0);
    const directory = await this.#nextDirectory();
    await setCapabilities(source.qmp, { events: true, 'return-path': mode === 'cpr-transfer' });
    await setMode(source.qmp, mode === 'cpr-exec' ? 'cpr-transfer' : mode);
    await source.qmp.execute('query-migrate');
    const ways = { 'cpr-transfer': transfer, 'cpr-exec': exec, 'cpr-reboot': reboot };
    const { target, resumedAtUs } = await ways[mode](
      source,
      contender,
      await this.#args.in(directory),
      directory,
    );
    const stop = await source.qmp.waitForEvent('STOP');
    this.pauses.push((resumedAtUs - stop.timeUs) / 1000);
    this.stretches.push({ stoppedAtUs: stop.timeUs, resumedAtUs });
    if (existsSync(`${directory}/state`)) this.stateBytes.push((await stat(`${directory}/state`)).size);
    this.#current = target;
    if (target.vmm !== source.vmm) await retire(source);
    else source.qmp.close();
    await rm(source.directory, { recursive: true, force: true });
  }

  async end(): Promise<void> {
    if (this.#current !== undefined) await retire(this.#current);
    this.#current = undefined;
  }

  #source(): MonitoredVmm {
    if (this.#current === undefined) throw new Error('expected a started QEMU');
    return this.#current;
  }

  async #nextDirectory(): Promise<string> {
    const directory = `${this.#directory}/${++this.#generation}`;
    await mkdir(directory, { recursive: true });
    return directory;
  }
}

interface Taken {
  readonly target: MonitoredVmm;
  readonly resumedAtUs: number;
}

async function setCapabilities(qmp: Qmp, states: Readonly<Record<string, boolean>>): Promise<void> {
  const capabilities = Object.entries(states).map(([capability, state]) => ({ capability, state }));
  await qmp.execute('migrate-set-capabilities', { capabilities });
}

async function setMode(qmp: Qmp, mode: Mode, more: object = {}): Promise<void> {
  await qmp.execute('migrate-set-parameters', { mode, ...more });
}

function completed(qmp: Qmp): Promise<unknown> {
  return qmp.waitForEvent('MIGRATION', ({ data }) => data.status === 'completed');
}

/** The target loads, is asked what it is, and is let run. Resolves with the time of its RESUME. */
async function load(qmp: Qmp, uri: string, alongside: Promise<unknown> = Promise.resolve()): Promise<number> {
  await qmp.execute('migrate-incoming', { uri, 'exit-on-error': false });
  await Promise.all([completed(qmp).then(() => qmp.execute('query-status')), alongside]);
  await qmp.execute('cont');
  return (await qmp.waitForEvent('RESUME')).timeUs;
}

async function transfer(
  source: MonitoredVmm,
  contender: Contender,
  args: readonly string[],
  directory: string,
): Promise<Taken> {
  const address = (name: string) => ({ transport: 'socket', type: 'unix', path: `${directory}/${name}` });
  const cpr = { 'channel-type': 'cpr', addr: address('cpr.sock') };
  const incoming = ['-incoming', 'defer', '-incoming', JSON.stringify(cpr)];
  const vmm = new RunningVmm(contender, [...args, ...incoming]);
  try {
    await vmm.waitUntil(() => existsSync(`${directory}/cpr.sock`), 'the target to offer its socket');
    await migrate(source.qmp, [{ 'channel-type': 'main', addr: address('main.sock') }, cpr]);
    const qmp = await Qmp.connect(`${directory}/qmp.sock`);
    await setCapabilities(qmp, { events: true });
    const resumedAtUs = await load(qmp, `unix:${directory}/main.sock`, completed(source.qmp));
    return { target: { vmm, qmp, directory }, resumedAtUs };
  } catch (error) {
    await vmm.kill();
    throw error;
  }
}

async function exec(
  source: MonitoredVmm,
  contender: Contender,
  args: readonly string[],
  directory: string,
): Promise<Taken> {
  const uri = `file:${directory}/state`;
  const command = [...contender.argvPrefix, ...args, '-incoming', 'defer'];
  await setMode(source.qmp, 'cpr-exec', { 'cpr-exec-command': command });
  await source.qmp.execute('migrate', { uri });
  const qmp = await Qmp.connect(`${directory}/qmp.sock`);
  const [, resumedAtUs] = await Promise.all([setCapabilities(qmp, { events: true }), load(qmp, uri)]);
  return { target: { vmm: source.vmm, qmp, directory }, resumedAtUs };
}

/** baton-vmm has none. */
async function withoutLimit(qmp: Qmp): Promise<void> {
  const parameters = (await qmp.execute('query-migrate-parameters')) as Record<string, unknown>;
  if (!('max-bandwidth' in parameters)) return;
  await qmp.execute('migrate-set-parameters', { 'max-bandwidth': NO_LIMIT_BYTES_PER_SECOND });
}

/** The target waits while the source writes its state, all of the guest's memory with it, into a file. */
async function reboot(
  source: MonitoredVmm,
  contender: Contender,
  args: readonly string[],
  directory: string,
): Promise<Taken> {
  const uri = `file:${directory}/state`;
  const vmm = new RunningVmm(contender, [...args, '-incoming', 'defer']);
  try {
    const qmp = await Qmp.connect(`${directory}/qmp.sock`);
    await withoutLimit(source.qmp);
    await source.qmp.execute('migrate', { uri });
    await completed(source.qmp);
    const [, resumedAtUs] = await Promise.all([setCapabilities(qmp, { events: true }), load(qmp, uri)]);
    return { target: { vmm, qmp, directory }, resumedAtUs };
  } catch (error) {
    await vmm.kill();
    throw error;
  }
}

/** Waits until a bare guest has printed a text. */
export async function waitForConsole(machine: BareQemu, text: string, deadlineMs: number): Promise<void> {
  const printed = async () => (await machine.console().catch(() => '')).includes(text);
  await waitFor(printed, { deadlineMs, what: `the guest to print ${JSON.stringify(text)}` });
}
