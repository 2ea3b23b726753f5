/** What the main thread asks a device, beside what its driver asks of it. */
export type DeviceQuestion =
  /** How much memory the guest has; answered in bytes. */
  | { readonly ask: 'balloon' }
  /** How much it shall have. */
  | { readonly ask: 'set-balloon'; readonly bytes: number }
  | { readonly ask: 'property'; readonly name: string }
  /** Throws what is wrong with the value, in QEMU's words. */
  | { readonly ask: 'set-property'; readonly name: string; readonly value: unknown };
