/** The host's side of a port, as the device sees it, and the port as the host's side sees it. */
export interface HostPort {
  /** Somebody is there. */
  readonly isOpen: boolean;
  /** Takes all bytes or none; `false`: not now. Without a peer they are taken and lost. */
  write(bytes: Uint8Array): boolean;
  /** Calls `writable` of its user once, later, when there may be room again or work shall go on. */
  awaitWritable(): void;
  /** What has come, at most `maxBytes`; nothing when nothing has. Nothing is taken that is not asked for. */
  read(maxBytes: number): Uint8Array;
  /** At first off. While on, `readable` of its user is called, later, as long as there is something to read. */
  setReading(reading: boolean): void;
  /** Who is told; `null`: nobody. */
  attach(user: PortUser | null): void;
}

export interface PortUser {
  readable(): void;
  /** `isOpen` may have changed. */
  changed(): void;
  writable(): void;
}

/** A port of the device, as it lives on through resets and restores. */
export interface PortSpec {
  readonly nr: number;
  /** A name by which the guest finds it; `null`: only its number. */
  readonly name: string | null;
  readonly isConsole: boolean;
  /** `null`: nothing is behind it. */
  readonly host: HostPort | null;
  /** A program in the guest has opened the port, or nobody has it open any more. */
  guestOpened(open: boolean): void;
}
