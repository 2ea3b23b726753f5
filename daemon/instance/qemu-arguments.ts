/**
 * A machine as a QEMU command line. CPR-ready: all guest memory, QEMU's own included, is shared and has a
 * descriptor. Nothing that QEMU would add by itself is on it. Source and target of an upgrade get the same line
 * but for their own sockets and files. Pure.
 */
import { type Disk, type Nic, tapsOf } from '../hardware.js';
import type { InstancePaths } from '../instance.js';
import type { MachineSpec } from '../machine.js';
import { FIRST_INHERITED_FD, type Incoming } from './driver.js';
import { defaultMac, type ResolvedHardware } from './qemu-machine.js';
import { agentArguments, blockNode, json, streamBackend, type VirtioBus } from './virtio-arguments.js';

export interface ArgumentsPlan {
  readonly machine: { readonly id: string; readonly name: string; readonly spec: MachineSpec };
  readonly hardware: ResolvedHardware;
  readonly paths: InstancePaths;
  readonly incoming: Incoming | null;
}

const MIB = 1024 * 1024;
const SCSI_CONTROLLER = 'scsi0';
/** With ACPI a microvm has no timer but KVM's; without it, the PC's old ones, and no power button. */
const NO_ACPI = ',acpi=off';
const INPUT_KEEPER = 'serial0-keeper';

/** In QEMU's option syntax a comma inside a value is written twice. */
function value(text: string): string {
  return text.replaceAll(',', ',,');
}

export function qemuArguments(plan: ArgumentsPlan): string[] {
  const { hardware, incoming, paths } = plan;
  return [
    ...boardArguments(plan),
    ...bootArguments(plan),
    ...hardware.disks.flatMap((disk, index) => diskArguments(disk, index, plan)),
    ...hardware.nics.flatMap((nic, index) => nicArguments(nic, index, plan)),
    ...displayArguments(plan),
    ...agentArguments(hardware, paths, serialBus(hardware)),
    ...consoleArguments(paths),
    ...hardware.extraArguments,
    ...incomingArguments(paths, incoming),
    '-S',
  ];
}

function boardArguments({ machine, hardware }: ArgumentsPlan): string[] {
  const { spec } = machine;
  const { machineType, accelerator, cpu } = hardware;
  const timers = machineType === 'microvm' && accelerator === 'tcg' ? NO_ACPI : '';
  return [
    '-nodefaults',
    '-no-user-config',
    ...['-display', 'none'],
    ...['-name', `guest=${value(machine.name)}`, '-uuid', machine.id],
    ...['-machine', `${machineType},memory-backend=ram0,aux-ram-share=on${timers}`, '-accel', accelerator],
    ...(cpu === null ? [] : ['-cpu', cpu]),
    ...['-object', `memory-backend-memfd,id=ram0,size=${spec.memoryMiB * MIB},share=on`],
    ...['-m', `${spec.memoryMiB}M`, '-smp', String(spec.vcpus)],
  ];
}

function bootArguments({ machine: { spec } }: ArgumentsPlan): string[] {
  return [
    ...(spec.firmware === null ? [] : ['-bios', spec.firmware]),
    ...(spec.kernel === null ? [] : ['-kernel', spec.kernel]),
    ...(spec.initrd === null ? [] : ['-initrd', spec.initrd]),
    ...(spec.commandLine === null ? [] : ['-append', spec.commandLine]),
  ];
}

/** microvm has no PCI unless asked: its virtio devices sit on virtio-mmio. */
function virtio(name: 'blk' | 'net' | 'scsi', { machineType }: ResolvedHardware): string {
  return `virtio-${name}-${machineType === 'microvm' ? 'device' : 'pci'}`;
}

/** That of virt is on virtio-mmio, which baton-vmm has too. */
function serialBus({ machineType }: ResolvedHardware): VirtioBus {
  return machineType === 'microvm' || machineType === 'virt' ? 'device' : 'pci';
}

function diskArguments(disk: Disk, index: number, { hardware, machine }: ArgumentsPlan): string[] {
  const id = `disk${index}`;
  /* Firmware that has to choose boots the first. */
  const order = machine.spec.kernel === null ? { bootindex: index } : {};
  const node = blockNode(disk, id);
  if (disk.bus === 'virtio') {
    return [
      ...json('-blockdev', node),
      ...json('-device', { driver: virtio('blk', hardware), id, drive: id, ...order }),
    ];
  }
  const isFirst = hardware.disks.findIndex(({ bus }) => bus === 'scsi') === index;
  return [
    ...(isFirst ? json('-device', { driver: virtio('scsi', hardware), id: SCSI_CONTROLLER }) : []),
    ...json('-blockdev', node),
    ...json('-device', { driver: 'scsi-hd', id, drive: id, bus: `${SCSI_CONTROLLER}.0`, ...order }),
  ];
}

function netBackend(nic: Nic, id: string, nics: readonly Nic[]): object {
  if (nic.kind === 'tap') {
    const fd = FIRST_INHERITED_FD + tapsOf({ nics }).indexOf(nic);
    return { type: 'tap', id, fd: String(fd) };
  }
  if (nic.kind === 'user') return { type: 'user', id };
  if (nic.kind === 'none') return { type: 'hubport', id, hubid: 0 };
  return streamBackend(nic, id);
}

function nicArguments(nic: Nic, index: number, { machine, hardware }: ArgumentsPlan): string[] {
  const id = `net${index}`;
  const mac = nic.mac ?? defaultMac(machine.id, index);
  return [
    ...json('-netdev', netBackend(nic, id, hardware.nics)),
    ...json('-device', { driver: virtio('net', hardware), id: `nic${index}`, netdev: id, mac }),
  ];
}

/** A board without a keyboard of its own gets one, and a pointer that knows where it is. */
function displayArguments({ hardware, paths }: ArgumentsPlan): string[] {
  if (hardware.display === null) return [];
  const input = hardware.machineType === 'virt' ? ['virtio-keyboard-pci', 'virtio-tablet-pci'] : [];
  return [
    ...['VGA', ...input].flatMap((driver) => json('-device', { driver })),
    ...['-vnc', `unix:${value(paths.vnc)}`],
  ];
}

/**
 * The console: output into the log, input from the FIFO. Not a socket: QEMU logs a byte again each time that a
 * client is slow to take it. The keeper is used by nothing; it has the FIFO open for writing too, so that opening it
 * waits for nobody and its end never comes.
 */
function consoleArguments(paths: InstancePaths): string[] {
  const input = value(paths.consoleInput);
  const serial = `path=/dev/null,input-path=${input},logfile=${value(paths.consoleLog)}`;
  return [
    ...['-chardev', `pipe,id=${INPUT_KEEPER},path=${input}`],
    ...['-chardev', `file,id=serial0,${serial}`, '-serial', 'chardev:serial0'],
    ...['-qmp', `unix:${value(paths.qmp)},server=on,wait=off`],
  ];
}

function incomingArguments({ cpr }: InstancePaths, incoming: Incoming | null): string[] {
  if (incoming === null) return [];
  if (incoming === 'state') return ['-incoming', 'defer'];
  const addr = { transport: 'socket', type: 'unix', path: cpr };
  return ['-incoming', 'defer', '-incoming', JSON.stringify({ 'channel-type': 'cpr', addr })];
}
