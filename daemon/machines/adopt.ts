/**
 * Takes over a QEMU that somebody else started: finds out by its monitor's socket which process it is, of which
 * build, and with what command line, and writes it down as a machine with a first instance. The process itself is
 * not touched, and nothing is written when anything about it is not as it must be.
 */
import { symlinkSync, writeFileSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { closeFd, connectUnix, peerCredentials } from '../../native/index.js';
import type { Build } from '../build.js';
import { BatonError, messageOf } from '../errors.js';
import { ACCELERATORS, ARCHITECTURES, DEFAULT_HARDWARE } from '../hardware.js';
import { type ForeignProcess, readForeign } from '../instance/foreign-process.js';
import { makeInstanceFolders } from '../instance/launch.js';
import { parseOptions } from '../instance/qemu-options.js';
import { lookAtQemu } from '../instance/qemu-probe.js';
import { QmpClient } from '../instance/qmp-client.js';
import { QmpTimeout } from '../instance/qmp-errors.js';
import { instancePaths, type ProcessIdentity } from '../instance.js';
import {
  ADOPTED_GENERATION,
  type AdoptedLine,
  ANY_BUILD,
  DEFAULT_HOST_POLICY,
  type Machine,
  type MachineSpec,
} from '../machine.js';
import { requireFreeName } from './document.js';
import { instanceFolders } from './instances.js';
import type { Services } from './services.js';

const GREETING_DEADLINE_MS = 3_000;
const MIB = 1024 * 1024;

export interface AdoptRequest {
  readonly name: string;
  readonly qmpSocket: string;
}

/** All that was found out. */
interface Found {
  readonly process: ProcessIdentity;
  readonly build: Build;
  readonly line: AdoptedLine;
  readonly spec: MachineSpec;
  readonly isRunning: boolean;
}

function refuse(message: string, cause?: unknown): BatonError {
  return new BatonError('not_adoptable', message, { cause });
}

/** Resolves with the machine; its actor finds the process as it does after a restart of the daemon. */
export async function adoptMachine(services: Services, request: AdoptRequest, id: string): Promise<Machine> {
  const { store, host } = services;
  const { name, qmpSocket } = request;
  requireFreeName(store, name, null);
  const pid = peerOf(qmpSocket);
  const process = host.identify(pid);
  if (process === null)
    throw refuse(`process ${pid}, which listens at ${qmpSocket}, is not one of this host`);
  requireUnknown(services, process);
  const client = await connectTo(qmpSocket);
  try {
    const found = await inspect(services, client, process);
    return store.durably(() => write(services, request, found, id));
  } finally {
    client.close();
  }
}

/** Asked before the monitor greets: of one that serves another client, too, it can be said who it is. */
function peerOf(socket: string): number {
  try {
    const fd = connectUnix(socket);
    try {
      return peerCredentials(fd).pid;
    } finally {
      closeFd(fd);
    }
  } catch (cause) {
    throw refuse(`expected a QMP monitor at ${socket}, but: ${messageOf(cause)}`, cause);
  }
}

async function connectTo(socket: string): Promise<QmpClient> {
  try {
    return await QmpClient.connect(socket, { deadlineMs: GREETING_DEADLINE_MS });
  } catch (cause) {
    const hint =
      cause instanceof QmpTimeout
        ? ': a monitor serves one client at a time, so disconnect the other one or give the VMM a second -qmp'
        : '';
    throw refuse(`expected a QMP monitor at ${socket}, but: ${messageOf(cause)}${hint}`, cause);
  }
}

async function inspect(services: Services, client: QmpClient, process: ProcessIdentity): Promise<Found> {
  let foreign: ForeignProcess;
  try {
    foreign = readForeign(process.pid);
  } catch (cause) {
    throw refuse(`process ${process.pid} ${messageOf(cause)}`, cause);
  }
  const build = await buildOf(services, foreign);
  const line = await lineOf(build, foreign);
  return { process, build, line, ...(await askSpec(client, line)) };
}

function requireUnknown({ store }: Services, { pid, startTicks, bootId }: ProcessIdentity): void {
  const known = store.instances.notGone().find(({ process }) => {
    return process?.pid === pid && process.startTicks === startTicks && process.bootId === bootId;
  });
  if (known === undefined) return;
  const name = store.machines.byId(known.machineId)?.name;
  throw new BatonError('already_managed', `process ${pid} is machine ${name} of this daemon already`, {
    details: { machine: known.machineId },
  });
}

/** One that is registered and made of the same files; else the executable, registered now. */
async function buildOf({ builds }: Services, foreign: ForeignProcess): Promise<Build> {
  const { pid, executable, isReplaced, programs } = foreign;
  if (isReplaced) {
    throw refuse(
      `process ${pid} runs a program that is not at ${executable} any more, as after an update of the host: put that version back for the time of the adoption`,
    );
  }
  const known = (await builds.lookAtAll()).filter(({ kind, fileState }) => {
    return kind === 'qemu' && fileState === 'as-registered';
  });
  for (const build of known.toReversed()) {
    const [first = '', ...rest] = build.files;
    const files = rest.length > 0 ? rest : [await realpath(first).catch(() => '')];
    if (files.length === programs.length && files.every((file) => programs.includes(file))) return build;
  }
  if (programs.length > 1) {
    throw refuse(
      `process ${pid} was started by a wrapper that is not registered (it runs ${programs.join(' and ')}): register the wrapper with POST /v1/builds first`,
    );
  }
  try {
    return await builds.register('qemu', executable);
  } catch (cause) {
    throw refuse(`process ${pid} runs ${executable}, which is no QEMU: ${messageOf(cause)}`, cause);
  }
}

/** What the wrapper put on the line itself, the next one puts there again. */
async function lineOf({ id, path }: Build, { pid, argv, folder }: ForeignProcess): Promise<AdoptedLine> {
  const { prefix } = await lookAtQemu(path);
  if (prefix.slice(1).some((argument, index) => argv[index + 1] !== argument)) {
    throw refuse(`the command line of process ${pid} does not begin as that of build ${id} does`);
  }
  return { args: argv.slice(prefix.length), folder };
}

/** As far as QEMU tells; what it does not is in its command line. */
async function askSpec(
  client: QmpClient,
  { args, folder }: AdoptedLine,
): Promise<Pick<Found, 'spec' | 'isRunning'>> {
  try {
    const [memory, cpus, type, target, kvm, status] = await Promise.all([
      client.execute<{ 'base-memory': number }>('query-memory-size-summary'),
      client.execute<unknown[]>('query-cpus-fast'),
      client.execute<string>('qom-get', { path: '/machine', property: 'type' }),
      client.execute<{ arch: string }>('query-target'),
      client.execute<{ enabled: boolean }>('query-kvm'),
      client.execute<{ running: boolean; status: string }>('query-status'),
    ]);
    if (status.status === 'inmigrate' || status.status === 'postmigrate') {
      throw new Error(`expected a guest that runs or is paused, got ${status.status}`);
    }
    const options = parseOptions(args);
    const given = (name: string) => options.findLast((option) => option.name === name)?.value ?? null;
    const fileOf = (path: string | null) => path && resolve(folder, path);
    const spec: MachineSpec = {
      ...DEFAULT_HARDWARE,
      ...DEFAULT_HOST_POLICY,
      memoryMiB: Math.ceil(Number(memory['base-memory']) / MIB),
      vcpus: cpus.length,
      kernel: fileOf(given('-kernel')),
      initrd: fileOf(given('-initrd')),
      commandLine: given('-append'),
      firmware: null,
      architecture: ARCHITECTURES.find((name) => name === target.arch) ?? null,
      machineType: String(type).replace(/-machine$/, ''),
      accelerator: ACCELERATORS.find((name) => name === (kvm.enabled ? 'kvm' : 'tcg')) ?? null,
      cpu: given('-cpu'),
    };
    return { spec, isRunning: status.running };
  } catch (cause) {
    throw refuse(`expected QEMU to say what it runs, but: ${messageOf(cause)}`, cause);
  }
}

function write(services: Services, request: AdoptRequest, found: Found, id: string): Machine {
  const { store } = services;
  const { name, qmpSocket } = request;
  const { build, line: adopted, spec, process, isRunning } = found;
  requireFreeName(store, name, null);
  requireUnknown(services, process);
  const folders = instanceFolders(services, id, ADOPTED_GENERATION);
  linkMonitor(folders, qmpSocket);
  store.machines.insert({ id, name, spec, builds: { ...ANY_BUILD, default: build.id } });
  store.instances.insert(
    { machineId: id, generation: ADOPTED_GENERATION, buildId: build.id, ...folders },
    process,
  );
  store.instances.setAlive(id, ADOPTED_GENERATION, process);
  const data = { name, pid: process.pid, build: build.id };
  store.idempotency.made(`machines/${id}`);
  store.emit({ type: 'baton.machine.adopted', subject: `machines/${id}`, data });
  return store.machines.update(id, {
    adopted,
    currentGeneration: ADOPTED_GENERATION,
    desiredPower: isRunning ? 'running' : 'paused',
    state: isRunning ? 'running' : 'paused',
    stateReason: 'adopted',
  });
}

/** Its monitor is found where that of every instance is. */
function linkMonitor(folders: Parameters<typeof instancePaths>[0], qmpSocket: string): void {
  const paths = instancePaths(folders);
  makeInstanceFolders(folders);
  writeFileSync(paths.vmmLog, '', { mode: 0o600, flag: 'wx' });
  symlinkSync(qmpSocket, paths.qmp);
}
