/** What a virtio console device holds beside its queues. Arrays have one element for each port there may be. */
import type { Field, StateRecord } from '../../state/description.js';
import type { PortSpec } from './host-port.js';

export interface SerialState {
  readonly max_nr_ports: number;
  /** 1: there is a port of this number. */
  readonly ports: readonly number[];
  /** The guest's driver knows the port. */
  readonly guest_ready: readonly number[];
  readonly guest_open: readonly number[];
  /** What the guest was told last of the host's side. */
  readonly host_open: readonly number[];
  /** Bytes of the oldest request for output that the host has taken already. */
  readonly output_done: readonly number[];
  /** Messages for the guest that it has given no buffers for. */
  readonly control: Uint8Array;
}

export const MESSAGE_BYTES = 8;

/** Before the guest gives buffers, no more of its messages are taken than this many answers are waiting. */
export const MAX_ANSWERS = 64;

/** All that may wait: the answers to one more message (an announcement of all ports), and the news of each port. */
export function maxControlBytes(maxPorts: number): number {
  return MESSAGE_BYTES * (MAX_ANSWERS + Math.max(4, maxPorts) + maxPorts);
}

export function serialFields(maxPorts: number): readonly Field[] {
  const flags = ['ports', 'guest_ready', 'guest_open', 'host_open'];
  return [
    { name: 'max_nr_ports', type: 'uint32' },
    ...flags.map((name): Field => ({ name, type: 'uint8', count: maxPorts })),
    { name: 'output_done', type: 'uint32', count: maxPorts },
    { name: 'control', type: 'vbuffer', count: maxControlBytes(maxPorts) },
  ];
}

export function serialReset(maxPorts: number, specs: readonly PortSpec[]): StateRecord {
  const none = Array<number>(maxPorts).fill(0);
  const state: SerialState = {
    max_nr_ports: maxPorts,
    ports: portsOf(maxPorts, specs),
    guest_ready: none,
    guest_open: none,
    host_open: none,
    output_done: none,
    control: new Uint8Array(),
  };
  return { ...state };
}

export function portsOf(maxPorts: number, specs: readonly PortSpec[]): number[] {
  return Array.from({ length: maxPorts }, (_, nr) => (specs.some((spec) => spec.nr === nr) ? 1 : 0));
}

/** A sentence about what cannot be, or null. */
export function validateSerial(
  record: StateRecord,
  maxPorts: number,
  specs: readonly PortSpec[],
): string | null {
  const state = record as unknown as SerialState;
  if (state.max_nr_ports !== maxPorts) {
    return `max_nr_ports is that of the device, ${maxPorts}, got ${state.max_nr_ports}`;
  }
  const here = portsOf(maxPorts, specs);
  const other = here.findIndex((flag, nr) => flag !== state.ports[nr]);
  if (other >= 0) return `ports has port ${other} ${here[other] ? 'missing' : 'that is not here'}`;
  for (const name of ['guest_ready', 'guest_open', 'host_open'] as const) {
    const wrong = state[name].findIndex((flag) => flag > 1);
    if (wrong >= 0) return `${name}[${wrong}] is 0 or 1, got ${state[name][wrong]}`;
  }
  if (state.control.length % MESSAGE_BYTES !== 0) {
    return `control has messages of ${MESSAGE_BYTES} bytes, got ${state.control.length} bytes`;
  }
  return null;
}
