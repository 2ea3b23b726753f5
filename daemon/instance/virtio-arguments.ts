/** Virtio devices on a command line, in QEMU's words, which baton-vmm speaks as well. Pure. */
import type { Disk, Hardware, Nic } from '../hardware.js';
import type { InstancePaths } from '../instance.js';
import { escapeCommas } from './qemu-options.js';

/** How the guest finds the device: on PCI, or, with QEMU's word `device`, on virtio-mmio. */
export type VirtioBus = 'pci' | 'device';

/** By this name the agent in the guest finds its port. */
const AGENT_PORT = 'org.qemu.guest_agent.0';
export const AGENT_ID = 'agent0';

/** One flag and its argument in QEMU's JSON form, where nothing needs to be escaped. */
export function json(flag: '-device' | '-blockdev' | '-netdev', members: object): string[] {
  return [flag, JSON.stringify(members)];
}

/** The image of a disk, or what stands for it. */
export function blockNode(disk: Disk, name: string): object {
  const common = { 'node-name': name, 'read-only': disk.readOnly };
  if (disk.format === 'empty') {
    return { driver: 'null-co', size: disk.sizeBytes, 'read-zeroes': true, ...common };
  }
  return { driver: disk.format, discard: 'unmap', file: { driver: 'file', filename: disk.path }, ...common };
}

/**
 * Who serves one client only, as passt does, turns the target away until the source has ended: it tries again. A
 * connection is not handed on as a tap is: a frame of it can be in the middle of being read.
 */
const RECONNECT_MS = 50;

export function streamBackend({ path }: Extract<Nic, { kind: 'stream' }>, id: string): object {
  const addr = { type: 'unix', path };
  return { type: 'stream', id, server: false, addr, 'reconnect-ms': RECONNECT_MS };
}

/**
 * The port of the guest's agent: a socket that serves one client, and only while it is needed. N.B. Behind all other
 * devices, so that a machine that gets one keeps the places of the others.
 */
export function agentArguments(
  { guestAgent }: Pick<Hardware, 'guestAgent'>,
  { agent }: InstancePaths,
  bus: VirtioBus,
): string[] {
  if (!guestAgent) return [];
  const port = { driver: 'virtserialport', id: AGENT_ID, chardev: AGENT_ID, name: AGENT_PORT };
  return [
    ...['-chardev', `socket,id=${AGENT_ID},path=${escapeCommas(agent)},server=on,wait=off`],
    ...json('-device', { driver: `virtio-serial-${bus}`, id: 'serial-bus0' }),
    ...json('-device', { ...port, bus: 'serial-bus0.0' }),
  ];
}
