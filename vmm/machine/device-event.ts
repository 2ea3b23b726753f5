/** What devices have to tell the main thread: most of it are QMP's events of these names, with their data. */
export type DeviceEvent = PortEvent;

/** A program in the guest has opened a port, or closed it. */
export interface PortEvent {
  readonly name: 'VSERPORT_CHANGE';
  readonly chardev: string | null;
  /** `null`: nobody named the port, and monitors are not told. */
  readonly id: string | null;
  readonly open: boolean;
}
