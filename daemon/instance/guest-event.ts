/**
 * What a VMM's event says of the guest, in the words of `event-types.ts`. What comes from a VMM is bounded and of the
 * type that it should be; events of other kinds are nothing. Pure.
 */
import type { EventData, EventType } from '../event-types.js';
import type { QmpEvent } from './qmp-client.js';
import { AGENT_ID } from './virtio-arguments.js';

export type GuestEventType = Extract<EventType, `baton.guest.${string}`>;

/** Without the generation, which the VMM does not know. */
export type GuestEvent = {
  readonly [T in GuestEventType]: { readonly type: T; readonly data: Omit<EventData<T>, 'generation'> };
}[GuestEventType];

type Data = Readonly<Record<string, unknown>>;

const MAX_TEXT = 200;

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : '';
}

const WORDS: Readonly<Record<string, (data: Data) => GuestEvent | null>> = {
  GUEST_PANICKED: ({ action }) => ({ type: 'baton.guest.panicked', data: { action: text(action) } }),
  /* Also said of a VMM that was told to quit. */
  SHUTDOWN: ({ guest, reason }) =>
    guest === true ? { type: 'baton.guest.shut-down', data: { reason: text(reason) } } : null,
  RESET: ({ guest, reason }) => ({
    type: 'baton.guest.reset',
    data: { byGuest: guest === true, reason: text(reason) },
  }),
  POWERDOWN: () => ({ type: 'baton.guest.powerdown-asked', data: {} }),
  WATCHDOG: ({ action }) => ({ type: 'baton.guest.watchdog-expired', data: { action: text(action) } }),
  BLOCK_IO_ERROR: (data) => ({
    type: 'baton.guest.disk-failed',
    data: {
      disk: text(data.device) || text(data['node-name']),
      operation: text(data.operation),
      action: text(data.action),
      noSpace: data.nospace === true,
      reason: text(data.reason),
    },
  }),
  MEMORY_FAILURE: ({ recipient, action }) => ({
    type: 'baton.guest.memory-failed',
    data: { recipient: text(recipient), action: text(action) },
  }),
  BALLOON_CHANGE: ({ actual }) =>
    typeof actual === 'number'
      ? { type: 'baton.guest.balloon-changed', data: { memoryBytes: actual } }
      : null,
  VSERPORT_CHANGE: ({ id, open }) => ({
    type: open === true ? 'baton.guest.port-opened' : 'baton.guest.port-closed',
    data: { port: text(id), isAgent: id === AGENT_ID },
  }),
};

export function guestEventOf({ event, data = {} }: QmpEvent): GuestEvent | null {
  return Object.hasOwn(WORDS, event) ? (WORDS[event]?.(data) ?? null) : null;
}
