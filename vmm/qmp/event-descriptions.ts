/** The events that a monitor can send, and what is in them. */
import type { EventDescription } from './introspection.js';
import { MIGRATION_STATUSES } from './protocol.js';

const REASONS = [
  ...['host-qmp-quit', 'host-qmp-system-reset', 'host-signal', 'host-error'],
  ...['guest-shutdown', 'guest-reset', 'guest-panic'],
];
const END = { guest: { type: 'bool' }, reason: { type: { enum: REASONS } } } as const;

const IO_ERROR = {
  'qom-path': { type: 'str' },
  device: { type: 'str' },
  'node-name': { type: 'str' },
  operation: { type: { enum: ['read', 'write'] } },
  action: { type: { enum: ['ignore', 'report', 'stop'] } },
  nospace: { type: 'bool', optional: true },
  reason: { type: 'str' },
} as const;

export const EVENTS: readonly EventDescription[] = [
  { name: 'STOP', data: {} },
  { name: 'RESUME', data: {} },
  { name: 'POWERDOWN', data: {} },
  { name: 'SHUTDOWN', data: END },
  { name: 'RESET', data: END },
  { name: 'BLOCK_IO_ERROR', data: IO_ERROR },
  { name: 'MIGRATION', data: { status: { type: { enum: MIGRATION_STATUSES } } } },
  { name: 'MIGRATION_PASS', data: { pass: { type: 'int' } } },
  { name: 'BALLOON_CHANGE', data: { actual: { type: 'int' } } },
  { name: 'VSERPORT_CHANGE', data: { id: { type: 'str' }, open: { type: 'bool' } } },
  { name: 'DEVICE_DELETED', data: { device: { type: 'str', optional: true }, path: { type: 'str' } } },
  { name: 'NIC_RX_FILTER_CHANGED', data: { name: { type: 'str', optional: true }, path: { type: 'str' } } },
  {
    name: 'NETDEV_STREAM_CONNECTED',
    data: {
      'netdev-id': { type: 'str' },
      addr: {
        type: { tag: 'type', variants: { unix: { path: { type: 'str' } }, fd: { str: { type: 'str' } } } },
      },
    },
  },
  { name: 'NETDEV_STREAM_DISCONNECTED', data: { 'netdev-id': { type: 'str' } } },
];
