/** What devices have to tell the main thread: QMP's events of these names. */
export type DeviceEvent = PortEvent | BalloonEvent;

/** A program in the guest has opened a port, or closed it. */
export interface PortEvent {
  readonly name: 'VSERPORT_CHANGE';
  readonly chardev: string | null;
  /** `null`: nobody named the port, and monitors are not told. */
  readonly id: string | null;
  readonly open: boolean;
}

/** The guest has given memory or taken it back. */
export interface BalloonEvent {
  readonly name: 'BALLOON_CHANGE';
  /** Bytes that it has now. */
  readonly actual: number;
}

/** Of events about the same the last one counts. */
export function subjectOf(event: DeviceEvent): string {
  return event.name === 'BALLOON_CHANGE' ? event.name : `${event.name} ${event.chardev} ${event.id}`;
}
