/** What a virtio transport holds of any device, and how it travels: one section with the device's own fields in it. */
import type { Field, StateDescription, StateRecord } from '../../state/description.js';
import type { VirtioPart } from './device.js';
import type { QueueState } from './queue.js';

export interface TransportState {
  readonly device_features_sel: number;
  readonly driver_features_sel: number;
  readonly driver_features: readonly number[];
  readonly queue_sel: number;
  readonly interrupt_status: number;
  readonly status: number;
  readonly config_generation: number;
}

const NO_QUEUE: QueueState = {
  size: 0,
  ready: 0,
  descriptorsLow: 0,
  descriptorsHigh: 0,
  availableLow: 0,
  availableHigh: 0,
  usedLow: 0,
  usedHigh: 0,
  nextAvailable: 0,
  nextUsed: 0,
  signalledUsed: -1,
};

/** Wire name and type of each member of a queue; on the wire all queues' sizes come first, and so on. */
const QUEUE_FIELDS: readonly (readonly [keyof QueueState, string, Field['type']])[] = [
  ['size', 'queue_size', 'uint32'],
  ['ready', 'queue_ready', 'uint8'],
  ['descriptorsLow', 'queue_desc_low', 'uint32'],
  ['descriptorsHigh', 'queue_desc_high', 'uint32'],
  ['availableLow', 'queue_avail_low', 'uint32'],
  ['availableHigh', 'queue_avail_high', 'uint32'],
  ['usedLow', 'queue_used_low', 'uint32'],
  ['usedHigh', 'queue_used_high', 'uint32'],
  ['nextAvailable', 'queue_last_avail_idx', 'uint16'],
  ['nextUsed', 'queue_used_idx', 'uint16'],
  ['signalledUsed', 'queue_signalled_used', 'int32'],
];

const TRANSPORT_FIELDS: readonly Field[] = [
  { name: 'device_features_sel', type: 'uint32' },
  { name: 'driver_features_sel', type: 'uint32' },
  { name: 'driver_features', type: 'uint32', count: 2 },
  { name: 'queue_sel', type: 'uint32' },
  { name: 'interrupt_status', type: 'uint32' },
  { name: 'status', type: 'uint8' },
  { name: 'config_generation', type: 'uint32' },
];

const TRANSPORT_RESET: TransportState = {
  device_features_sel: 0,
  driver_features_sel: 0,
  driver_features: [0, 0],
  queue_sel: 0,
  interrupt_status: 0,
  status: 0,
  config_generation: 0,
};

export const QUEUE_RESET = NO_QUEUE;

/** The section of a device. Made once per device: descriptions are compared by identity. */
export function virtioState(part: VirtioPart): StateDescription<StateRecord> {
  const queues = part.queueSizes.length;
  return {
    name: part.name,
    version: 1,
    minimumVersion: 1,
    fields: [
      ...TRANSPORT_FIELDS,
      ...QUEUE_FIELDS.map(([, name, type]): Field => ({ name, type, count: queues })),
      ...part.fields,
    ],
    ...(part.subsections === undefined ? {} : { subsections: part.subsections }),
    reset: {
      ...joinState(
        TRANSPORT_RESET,
        part.queueSizes.map(() => NO_QUEUE),
      ),
      ...part.reset,
    },
    validate: (state) => validateQueues(state, part.queueSizes) ?? part.validate?.(state) ?? null,
  };
}

export function joinState(transport: TransportState, queues: readonly QueueState[]): StateRecord {
  const columns = QUEUE_FIELDS.map(([key, name]) => [name, queues.map((queue) => queue[key])]);
  return { ...transport, ...Object.fromEntries(columns) };
}

export function transportOf(state: StateRecord): TransportState {
  const { driver_features } = state as unknown as TransportState;
  const names = Object.keys(TRANSPORT_RESET);
  const transport = Object.fromEntries(names.map((name) => [name, state[name]]));
  return { ...(transport as unknown as TransportState), driver_features: [...driver_features] };
}

export function queueOf(state: StateRecord, index: number): QueueState {
  const members = QUEUE_FIELDS.map(([key, name]) => [key, (state[name] as readonly number[])[index]]);
  return Object.fromEntries(members) as unknown as QueueState;
}

function validateQueues(state: StateRecord, maxSizes: readonly number[]): string | null {
  for (const [index, maxSize] of maxSizes.entries()) {
    const { size, ready, signalledUsed } = queueOf(state, index);
    if (size > maxSize) return `queue_size[${index}] is at most ${maxSize}, got ${size}`;
    if (ready > 1) return `queue_ready[${index}] is 0 or 1, got ${ready}`;
    if (signalledUsed < -1 || signalledUsed > 0xffff) {
      return `queue_signalled_used[${index}] is -1 to 65535, got ${signalledUsed}`;
    }
  }
  return null;
}
