/** Drives `baton-vmm`: a module run by the Node that runs the daemon, or an executable. */
import { refusedArguments } from '../extra-arguments.js';
import type { Disk, Nic } from '../hardware.js';
import { type MachineSpec, refusedBoot } from '../machine.js';
import type { Finding } from '../preflight/finding.js';
import type { CommandLine, InstancePlan, Resolution, VmmDriver } from './driver.js';
import { moduleFiles } from './program-files.js';
import { defaultMac } from './qemu-machine.js';
import { askingLineOf, modesOf } from './qemu-probe.js';
import { withStandIns } from './qemu-stand-ins.js';
import { QmpSchema } from './qmp-schema.js';
import { returnOf, runQmpScript } from './qmp-script.js';
import { agentArguments, blockNode, json, streamBackend } from './virtio-arguments.js';

const MIB = 1024 * 1024;
/** Guest RAM and the VMM's own tables share one 32-bit WebAssembly memory of 4 GiB. */
const MAX_MEMORY_MIB = 3584;
/** The one machine that it is; `tcg` is the word for a processor in software. */
const ONLY = { architecture: 'riscv64', machineType: 'virt', accelerator: 'tcg', cpu: 'rv64' } as const;
/** Slots of the board for virtio-mmio. */
const MAX_DEVICES = 8;
/** Where images of other formats are read. */
const ELSEWHERE = 'qemu-storage-daemon can open it and serve it over vhost-user-blk';
const MODULE = /\.[cm]?js$/;

/** In QEMU's option syntax a comma inside a value is written twice. */
function value(text: string): string {
  return text.replaceAll(',', ',,');
}

function program(path: string): CommandLine {
  return MODULE.test(path) ? { file: process.execPath, args: [path] } : { file: path, args: [] };
}

function diskArguments(disk: Disk, index: number): string[] {
  const id = `disk${index}`;
  return [
    ...json('-blockdev', blockNode(disk, id)),
    ...json('-device', { driver: 'virtio-blk-device', id, drive: id }),
  ];
}

/** A tap is named and not handed to it: it hands it on itself, with its guest. Nothing plugged in is no back end. */
function nicArguments(nic: Nic, index: number, machineId: string): string[] {
  const id = `net${index}`;
  const mac = nic.mac ?? defaultMac(machineId, index);
  const card = { driver: 'virtio-net-device', id: `nic${index}`, mac };
  if (nic.kind === 'none') return json('-device', card);
  if (nic.kind === 'user') throw new Error('baton-vmm has no network of its own');
  const tap = { type: 'tap', id, script: 'no', downscript: 'no' };
  const backend = nic.kind === 'tap' ? { ...tap, ifname: nic.interface } : streamBackend(nic, id);
  return [...json('-netdev', backend), ...json('-device', { ...card, netdev: id })];
}

function machineArguments({ machine, paths }: InstancePlan): string[] {
  const { spec } = machine;
  const args = ['-machine', 'virt,memory-backend=ram0,aux-ram-share=on'];
  args.push('-object', `memory-backend-memfd,id=ram0,size=${spec.memoryMiB * MIB},share=on`);
  args.push('-m', `${spec.memoryMiB}M`, '-smp', String(spec.vcpus));
  if (spec.kernel !== null) args.push('-kernel', spec.kernel);
  if (spec.initrd !== null) args.push('-initrd', spec.initrd);
  if (spec.commandLine !== null) args.push('-append', spec.commandLine);
  if (spec.firmware !== null) args.push('-bios', spec.firmware);
  const input = `path=/dev/null,input-path=${value(paths.consoleInput)}`;
  args.push('-chardev', `file,id=serial0,${input},logfile=${value(paths.consoleLog)}`);
  args.push('-serial', 'chardev:serial0', '-qmp', `unix:${value(paths.qmp)},server=on,wait=off`);
  args.push(...spec.disks.flatMap(diskArguments));
  args.push(...spec.nics.flatMap((nic, index) => nicArguments(nic, index, machine.id)));
  args.push(...agentArguments(spec, paths, 'device'));
  args.push('-display', 'none', '-nodefaults', '-name', value(machine.name), '-uuid', machine.id);
  return [...args, ...spec.extraArguments];
}

function incomingArguments({ paths, incoming }: InstancePlan): string[] {
  if (incoming === null) return [];
  if (incoming === 'state') return ['-incoming', 'defer'];
  const addr = { transport: 'socket', type: 'unix', path: paths.cpr };
  return ['-incoming', 'defer', '-incoming', JSON.stringify({ 'channel-type': 'cpr', addr })];
}

/** Sentences that name the member. */
function refusedDevices({ disks, nics, guestAgent }: MachineSpec): string[] {
  const refusals = disks.flatMap(({ format, bus }, index) => {
    const at = `disks/${index}`;
    return [
      ...(format === 'qcow2' ? [`${at} must be of format raw for baton-vmm, got qcow2: ${ELSEWHERE}`] : []),
      ...(bus === 'virtio' ? [] : [`${at} must be on bus virtio for baton-vmm, got ${bus}`]),
    ];
  });
  for (const [index, { kind }] of nics.entries()) {
    if (kind === 'user') refusals.push(`nics/${index} must be stream, tap or none for baton-vmm, got user`);
  }
  const devices = disks.length + nics.length + Number(guestAgent);
  if (devices > MAX_DEVICES) {
    const of = 'disks, nics and the port of the guest agent';
    refusals.push(`${of} must be at most ${MAX_DEVICES} together for baton-vmm, got ${devices}`);
  }
  return refusals;
}

export class BatonDriver implements VmmDriver {
  readonly kind = 'baton';
  readonly carriesNetwork = true;

  commandLine(plan: InstancePlan): CommandLine {
    const { file, args } = program(plan.build.path);
    return { file, args: [...args, ...machineArguments(plan), ...incomingArguments(plan), '-S'] };
  }

  /** Asks the binary: its own version is in the name of its package, modes are those that it takes. */
  async probe(path: string) {
    const questions = [{ execute: 'query-qmp-schema' }];
    const { version: greeting, replies } = await runQmpScript(askingLineOf(program(path)), questions);
    const version = / (\d+\.\d+[\w.+-]*)$/.exec(greeting.package)?.[1];
    if (version === undefined) {
      throw new Error(`expected ${path} to greet with its name and version, got "${greeting.package}"`);
    }
    const modes = modesOf(new QmpSchema(returnOf('query-qmp-schema', replies[0])));
    return { version, abilities: { modes } };
  }

  filesOf(path: string): Promise<readonly string[]> {
    return moduleFiles(path);
  }

  /** What two builds understand of one another only a rehearsal tells. */
  async compare(): Promise<readonly Finding[]> {
    return [];
  }

  standIns(spec: MachineSpec): Promise<MachineSpec> {
    return withStandIns(spec);
  }

  resolve(spec: MachineSpec): Resolution {
    const refusals = [...refusedBoot(spec, false), ...refusedArguments(spec.extraArguments)];
    for (const [name, only] of Object.entries(ONLY)) {
      const asked = spec[name as keyof typeof ONLY];
      if (asked !== null && asked !== only)
        refusals.push(`${name} must be ${only} for baton-vmm, got ${asked}`);
    }
    if (spec.memoryMiB > MAX_MEMORY_MIB) {
      refusals.push(`memoryMiB must be at most ${MAX_MEMORY_MIB} for baton-vmm, got ${spec.memoryMiB}`);
    }
    if (spec.vcpus !== 1) refusals.push(`vcpus must be 1 for baton-vmm, got ${spec.vcpus}`);
    if (spec.display !== null) refusals.push('display must be null for baton-vmm');
    refusals.push(...refusedDevices(spec));
    return refusals.length > 0 ? { spec: null, refusals } : { spec: { ...spec, ...ONLY }, refusals: [] };
  }
}
