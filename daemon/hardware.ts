/** What a machine is made of beside memory, processors and what it boots: the words of its document. Pure. */

export const ARCHITECTURES = ['riscv64', 'x86_64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** Best first. */
export const ACCELERATORS = ['kvm', 'tcg'] as const;
export type Accelerator = (typeof ACCELERATORS)[number];

export const DISK_FORMATS = ['raw', 'qcow2'] as const;
export const DISK_BUSES = ['virtio', 'scsi'] as const;

interface DiskOf<Format> {
  readonly format: Format;
  readonly bus: (typeof DISK_BUSES)[number];
  readonly readOnly: boolean;
}

/** An image in a file. */
export interface ImageDisk extends DiskOf<(typeof DISK_FORMATS)[number]> {
  readonly path: string;
}

/** Reads as zeros, forgets what is written: stands in for an image in a rehearsal. */
export interface EmptyDisk extends DiskOf<'empty'> {
  readonly sizeBytes: number;
}

export type Disk = ImageDisk | EmptyDisk;

export type Nic =
  /** The VMM's own user-mode network. */
  | { readonly kind: 'user'; readonly mac: string | null }
  /**
   * A unix stream socket that a network process listens on, such as passt. A target connects anew: passt serves one
   * client and turns it away until the source has ended, but keeps its TCP connections, which go on with a gap of a
   * few hundred milliseconds.
   */
  | { readonly kind: 'stream'; readonly mac: string | null; readonly path: string }
  /** A tap interface that exists: it can be opened once, so its descriptor goes from one VMM to the next. */
  | { readonly kind: 'tap'; readonly mac: string | null; readonly interface: string }
  /** A card with nothing plugged in. */
  | { readonly kind: 'none'; readonly mac: string | null };

export type TapNic = Extract<Nic, { kind: 'tap' }>;

/** `vnc`: on a unix socket of each instance. */
export const DISPLAY_KINDS = ['vnc'] as const;
export interface Display {
  readonly kind: (typeof DISPLAY_KINDS)[number];
}

/**
 * Null is the default of the build that the machine is created for. What it is then is kept: looked up
 * again on another build, a default such as `q35` or the best accelerator can be another machine.
 */
export interface Hardware {
  readonly architecture: Architecture | null;
  /** In QEMU's words, with its version: `pc-q35-10.0`, `virt`. */
  readonly machineType: string | null;
  readonly accelerator: Accelerator | null;
  /** In QEMU's words; null stays null: the machine type's own, which is a part of its version. */
  readonly cpu: string | null;
  readonly disks: readonly Disk[];
  readonly nics: readonly Nic[];
  /** Null: the machine has no screen. */
  readonly display: Display | null;
  /** Whether the guest has a port for `qemu-guest-agent`; whether one answers there is another matter. */
  readonly guestAgent: boolean;
  /** In QEMU's words, after all that the document says otherwise. */
  readonly extraArguments: readonly string[];
}

export function tapsOf({ nics }: Pick<Hardware, 'nics'>): readonly TapNic[] {
  return nics.filter((nic) => nic.kind === 'tap');
}

/** What a document says that was written before a member was known: N.B. every new member has its default here. */
export const DEFAULT_HARDWARE: Hardware = {
  architecture: null,
  machineType: null,
  accelerator: null,
  cpu: null,
  disks: [],
  nics: [],
  display: null,
  guestAgent: false,
  extraArguments: [],
};
