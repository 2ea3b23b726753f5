/** What a guest asks of its machine by itself: a reset, or its end. */
import type { ShutdownCause } from './machine/handle.js';

export type GuestRequest =
  | { readonly kind: 'reset'; readonly cause: ShutdownCause }
  | { readonly kind: 'shutdown'; readonly cause: ShutdownCause; readonly exitCode: number };

export function isGuestCause(cause: ShutdownCause): boolean {
  return cause.startsWith('guest-');
}

export function waits({ kind }: GuestRequest): string {
  return `the guest's own ${kind} waits for the host's disk, and \`cont\` tries again`;
}
