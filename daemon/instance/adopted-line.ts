/**
 * The command line of an adopted machine, made from the one that it was found with: always from that one, so that
 * it is the same for every later process but for its own sockets and files. What the daemon decides itself is taken
 * out (how it starts, its monitor, what it waits for); what could mean something else to another build is said
 * exactly; what would spoil the files of the process that it takes over from is changed. Pure.
 */
import type { InstancePaths } from '../instance.js';
import type { AdoptedLine } from '../machine.js';
import { servedAnew, servedAt, servedSockets } from './adopted-sockets.js';
import type { Incoming } from './driver.js';
import {
  escapeCommas,
  formatOptions,
  isOn,
  keyValue,
  parseOptions,
  partsOf,
  type QemuOption,
  withoutKeys,
} from './qemu-options.js';

const MIB = 1024 * 1024;
const RAM_ID = 'baton-ram';
const PORTS = new Set(['-serial', '-parallel']);
/** How a process starts and what it waits for is the daemon's to say. */
const OURS = new Set(['-incoming', '-daemonize', '-pidfile', '-S', '-preconfig', '-loadvm']);

export interface AdoptedPlan {
  readonly line: AdoptedLine;
  /** With its version: `q35` is another machine in every build. */
  readonly machineType: string;
  readonly paths: InstancePaths;
  readonly incoming: Incoming | null;
}

export function adoptedArguments({ line, machineType, paths, incoming }: AdoptedPlan): string[] {
  const options = parseOptions(line.args);
  const sockets = servedSockets(options);
  const places = servedAt(sockets, paths);
  const rewritten = options
    .filter(({ name }) => !OURS.has(name))
    .flatMap((option) => {
      const socket = sockets.find((each) => each.option === option);
      const place = places.get(option);
      if (socket === undefined || place === undefined) return appending(option, options);
      return [appendingLog(servedAnew(socket, place, paths.consoleLog))];
    });
  return [
    ...formatOptions(withMachine(rewritten, (parts) => typed(parts, machineType))),
    ...['-qmp', `unix:${escapeCommas(paths.qmp)},server=on,wait=off`],
    ...(incoming === null ? [] : ['-incoming', 'defer']),
    ...(incoming === 'cpr' ? ['-incoming', cprChannel(paths)] : []),
    '-S',
  ];
}

function cprChannel({ cpr }: InstancePaths): string {
  const addr = { transport: 'socket', type: 'unix', path: cpr };
  return JSON.stringify({ 'channel-type': 'cpr', addr });
}

/** A process that starts would empty the files that the one before it writes to. */
function appending(option: QemuOption, all: readonly QemuOption[]): QemuOption[] {
  const { name, value } = option;
  const file = PORTS.has(name) ? /^file:(.*)$/s.exec(value ?? '')?.[1] : undefined;
  if (file !== undefined) {
    /* QEMU's own label of it, by which the two processes are compared. */
    const id = `${name.slice(1)}${all.filter((each) => each.name === name).indexOf(option)}`;
    const chardev = `file,id=${id},path=${escapeCommas(file)},append=on`;
    return [
      { name: '-chardev', value: chardev },
      { name, value: `chardev:${id}` },
    ];
  }
  if (name !== '-chardev' || value === null) return [option];
  const parts = partsOf(value);
  const isFile = parts[0] === 'file' && !isOn(parts, 'append');
  const appended = [...withoutKeys(parts, ['append', 'noappend']), 'append=on'].join(',');
  return [appendingLog(isFile ? { name, value: appended } : option)];
}

function appendingLog({ name, value }: QemuOption): QemuOption {
  const parts = partsOf(value ?? '');
  if (keyValue(parts, 'logfile') === null || isOn(parts, 'logappend')) return { name, value };
  return { name, value: [...withoutKeys(parts, ['logappend', 'nologappend']), 'logappend=on'].join(',') };
}

/** Changes the first option of the machine's board; without one, there is one then. */
function withMachine(options: readonly QemuOption[], change: (parts: string[]) => string[]): QemuOption[] {
  const isMachine = ({ name, value }: QemuOption) =>
    (name === '-machine' || name === '-M') && value !== null && !value.startsWith('{');
  const first = options.find(isMachine);
  if (first === undefined) return [...options, { name: '-machine', value: change([]).join(',') }];
  const changed = { name: '-machine', value: change(partsOf(first.value ?? '')).join(',') };
  return options.map((option) => (option === first ? changed : option));
}

function typed(parts: readonly string[], machineType: string): string[] {
  const others = withoutKeys(parts, ['type']);
  return [machineType, ...(others[0]?.includes('=') === false ? others.slice(1) : others)];
}

/**
 * For a cold start: the same line with the guest's memory, QEMU's own included, in a form that can be handed over.
 * A line that names memory of its own, other than anonymous one, keeps it.
 */
export function carriableLine(line: AdoptedLine, memoryMiB: number): AdoptedLine {
  const options = parseOptions(line.args).map(shared);
  const machine = options.find(({ name }) => name === '-machine' || name === '-M');
  const ownsMemory =
    options.some(({ name }) => name === '-numa' || name === '-mem-path') ||
    keyValue(partsOf(machine?.value ?? ''), 'memory-backend') !== null;
  const ram = `memory-backend-memfd,id=${RAM_ID},size=${memoryMiB * MIB},share=on`;
  const carried = withMachine(options, (parts) => [
    ...withoutKeys(parts, ['aux-ram-share']),
    ...(ownsMemory ? [] : [`memory-backend=${RAM_ID}`]),
    'aux-ram-share=on',
  ]);
  const objects = ownsMemory ? [] : [{ name: '-object', value: ram }];
  return { ...line, args: formatOptions([...carried, ...objects]) };
}

function shared(option: QemuOption): QemuOption {
  const parts = partsOf(option.value ?? '');
  const isAnonymous = parts[0] === 'memory-backend-ram' || parts[0] === 'memory-backend-memfd';
  if (option.name !== '-object' || !isAnonymous) return option;
  return { ...option, value: [...withoutKeys(parts, ['share']), 'share=on'].join(',') };
}

/** Sentences on what no second process could have beside the first. Empty: an upgrade can be tried. */
export function obstaclesOf({ args }: AdoptedLine): string[] {
  return parseOptions(args).flatMap(({ name, value }) => {
    const text = value ?? '';
    const parts = partsOf(text);
    const says = (what: string) => [`${name} ${text.slice(0, 200)} ${what}`.trim()];
    if (name === '-add-fd' || /(^|[,:])(vhost)?fds?[=:]|\/dev\/fdset\//.test(text)) {
      return says('uses a descriptor that only the process which was started with it has');
    }
    if (text.includes('hostfwd=') || name === '-s' || /^(mon:)?(tcp|telnet|websocket|udp):/.test(text)) {
      return says('holds a port, which has room for one');
    }
    const listens = parts[0] === 'socket' && keyValue(parts, 'port') !== null && isOn(parts, 'server');
    const shows = (name === '-vnc' && !/^(unix:|none)/.test(text)) || name === '-spice';
    return listens || shows ? says('holds a port, which has room for one') : [];
  });
}
