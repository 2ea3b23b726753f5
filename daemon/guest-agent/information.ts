/**
 * What a guest says of itself through its agent. The guest says it: nothing is decided on its strength. Lists and
 * words have limits; what the agent does not know, or may not tell, is null.
 */
import { isRecord } from '../../vmm/qmp/protocol.js';
import type { AgentClient } from './agent-client.js';
import { AgentRefused } from './agent-errors.js';
import { countFrom, textFrom } from './guest-words.js';

const MAX_ELEMENTS = 128;
const MAX_COMMANDS = 1_000;

export interface GuestAddress {
  readonly address: string;
  readonly prefix: number | null;
}

export interface GuestInterface {
  readonly name: string;
  readonly mac: string | null;
  readonly addresses: readonly GuestAddress[];
}

export interface GuestFilesystem {
  readonly mountpoint: string;
  readonly type: string | null;
  readonly usedBytes: number | null;
  readonly totalBytes: number | null;
}

export interface GuestSystem {
  readonly id: string | null;
  readonly name: string | null;
  readonly version: string | null;
  readonly kernel: string | null;
  readonly architecture: string | null;
}

export interface GuestInformation {
  readonly agentVersion: string | null;
  /** Whether its filesystems are frozen; while they are, the agent says little else. */
  readonly isFrozen: boolean | null;
  readonly canFreeze: boolean;
  /** Whether the agent runs programs, as a notice before a pause needs. */
  readonly canRunPrograms: boolean;
  readonly hostname: string | null;
  readonly system: GuestSystem | null;
  readonly interfaces: readonly GuestInterface[] | null;
  readonly filesystems: readonly GuestFilesystem[] | null;
}

export async function askInformation(agent: AgentClient, signal: AbortSignal): Promise<GuestInformation> {
  const ask = (command: string) => ifKnown(agent.ask(command, {}, { signal }));
  const { version, supported_commands: commands } = recordFrom(await ask('guest-info'));
  const allowed = allowedIn(commands);
  const status = await ask('guest-fsfreeze-status');
  const { 'host-name': hostname } = recordFrom(await ask('guest-get-host-name'));
  const system = await ask('guest-get-osinfo');
  const interfaces = await ask('guest-network-get-interfaces');
  const filesystems = await ask('guest-get-fsinfo');
  return {
    agentVersion: textFrom(version),
    isFrozen: status === 'frozen' || status === 'thawed' ? status === 'frozen' : null,
    canFreeze: allowed.has('guest-fsfreeze-freeze'),
    canRunPrograms: allowed.has('guest-exec'),
    hostname: textFrom(hostname),
    system: isRecord(system) ? systemFrom(system) : null,
    interfaces: listFrom(interfaces, interfaceFrom),
    filesystems: listFrom(filesystems, filesystemFrom),
  };
}

async function ifKnown(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AgentRefused) return null;
    throw error;
  }
}

function recordFrom(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function allowedIn(commands: unknown): ReadonlySet<unknown> {
  const list = Array.isArray(commands) ? commands.slice(0, MAX_COMMANDS).filter(isRecord) : [];
  return new Set(list.filter(({ enabled }) => enabled !== false).map(({ name }) => name));
}

function systemFrom(said: Readonly<Record<string, unknown>>): GuestSystem {
  return {
    id: textFrom(said.id),
    name: textFrom(said['pretty-name']) ?? textFrom(said.name),
    version: textFrom(said['version-id']) ?? textFrom(said.version),
    kernel: textFrom(said['kernel-release']),
    architecture: textFrom(said.machine),
  };
}

function listFrom<T>(
  value: unknown,
  read: (element: Readonly<Record<string, unknown>>) => T | null,
): readonly T[] | null {
  if (!Array.isArray(value)) return null;
  return value
    .slice(0, MAX_ELEMENTS)
    .filter(isRecord)
    .flatMap((element) => read(element) ?? []);
}

function interfaceFrom(said: Readonly<Record<string, unknown>>): GuestInterface | null {
  const name = textFrom(said.name);
  if (name === null) return null;
  const addresses = listFrom(said['ip-addresses'], addressFrom) ?? [];
  return { name, mac: textFrom(said['hardware-address']), addresses };
}

function addressFrom(said: Readonly<Record<string, unknown>>): GuestAddress | null {
  const address = textFrom(said['ip-address']);
  return address === null ? null : { address, prefix: countFrom(said.prefix) };
}

function filesystemFrom(said: Readonly<Record<string, unknown>>): GuestFilesystem | null {
  const mountpoint = textFrom(said.mountpoint);
  if (mountpoint === null) return null;
  const [usedBytes, totalBytes] = [countFrom(said['used-bytes']), countFrom(said['total-bytes'])];
  return { mountpoint, type: textFrom(said.type), usedBytes, totalBytes };
}
