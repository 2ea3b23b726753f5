/**
 * Everything of a machine that has to do with disks, but the devices: nodes, the drives that `-drive` made of some,
 * and who uses which. What fails while it is built names the option, and leaves nothing open.
 */
import { systemReason } from '../migration/system-reason.js';
import type { DriveOptions, ErrorPolicy, VmmOptions } from '../options/options.js';
import { type BlockIoError, Drive } from './drive.js';
import { FileImage } from './file-image.js';
import type { BlockNode, BlockNodes } from './nodes.js';

/** What a device wants of its disk. */
export interface Attachment {
  /** Id of a drive, or name of a node. */
  readonly reference: string;
  /** The device, for people and monitors: its id, or its path. */
  readonly qdev: string;
  readonly qomPath: string;
  readonly sharesWriting: boolean;
  /** null: as the drive says, or as is usual. */
  readonly readErrors: ErrorPolicy | null;
  readonly writeErrors: ErrorPolicy | null;
}

/** A device with its disk. */
export interface Attached {
  readonly drive: Drive;
  readonly node: BlockNode;
  readonly attachment: Attachment;
  /** The drive's id; null: it was named by its node. */
  readonly driveId: string | null;
  /** What the guest is told of caches when the device does not say. */
  readonly writeback: boolean;
  /** Tells the guest that the disk has another size. */
  resized(): void;
}

/** By the id of a drive, or the name of a node. */
export interface ResizeRequest {
  readonly device: string | null;
  readonly nodeName: string | null;
  readonly sizeBytes: number;
}

/** A failed operation with where it was, as monitors hear of it. */
export interface BlockIoReport extends BlockIoError {
  readonly qomPath: string;
  readonly device: string;
  readonly nodeName: string;
  /** null: no policy looks at it. */
  readonly noSpace: boolean | null;
}

interface NamedDrive {
  readonly options: DriveOptions;
  readonly node: BlockNode;
}

export class BlockLayer {
  readonly nodes: BlockNodes;
  readonly #drives = new Map<string, NamedDrive>();
  readonly #attached = new Set<Attached>();
  /** Drives of devices that are gone. */
  readonly #left = new Set<Drive>();
  readonly #report: (report: BlockIoReport) => void;

  /** `report` hears of every failed operation before the guest does. */
  constructor(nodes: BlockNodes, report: (report: BlockIoReport) => void) {
    this.nodes = nodes;
    this.#report = report;
  }

  /** Opens what the command line names. */
  open({ blockdevs, drives }: VmmOptions): void {
    try {
      for (const node of blockdevs) named('-blockdev', () => this.nodes.open(node));
      for (const options of drives) {
        const node = named('-drive', () => this.nodes.open(options.node, options.id));
        this.#drives.set(options.id, { options, node });
      }
    } catch (error) {
      this.nodes.closeAll();
      throw error;
    }
  }

  get attached(): readonly Attached[] {
    return [...this.#attached];
  }

  get drives(): readonly NamedDrive[] {
    return [...this.#drives.values()];
  }

  /** Gives a device its disk. Throws in QEMU's words. */
  attach(attachment: Attachment, resized: () => void): Attached {
    const { reference, qdev, sharesWriting } = attachment;
    const named = this.#drives.get(reference);
    const node = named?.node ?? this.nodes.find(reference);
    if (node === null) throw new Error(`Property 'virtio-blk-device.drive' can't find value '${reference}'`);
    const isReadOnly = readsOnly(node);
    this.nodes.use(node, { name: `block device '${qdev}'`, isReadOnly, sharesWriting });
    const drive = new Drive(node.image, {
      name: `disk '${named?.options.id ?? node.name}'`,
      readErrors: attachment.readErrors ?? named?.options.readErrors ?? 'report',
      writeErrors: attachment.writeErrors ?? named?.options.writeErrors ?? 'enospc',
      isReadOnly,
      unmap: unmaps(node),
      failed: (error) => this.#failed(attached, error),
    });
    const driveId = named?.options.id ?? null;
    const writeback = named?.options.writeback ?? true;
    const attached: Attached = { drive, node, attachment, driveId, writeback, resized };
    this.#attached.add(attached);
    return attached;
  }

  /** Throws in QEMU's words. */
  resize({ device, nodeName, sizeBytes }: ResizeRequest): void {
    const node = this.#drives.get(device ?? '')?.node ?? this.nodes.find(nodeName ?? '');
    if (node === null)
      throw new Error(`Cannot find device='${device ?? ''}' nor node-name='${nodeName ?? ''}'`);
    if (sizeBytes < 0) throw new Error("Parameter 'size' expects a >0 size");
    if (!(node.image instanceof FileImage)) throw new Error('Image format driver does not support resize');
    if (readsOnly(node)) throw new Error('Image is read-only');
    if (!this.nodes.areActive) throw new Error(`Node '${node.name}' is inactive`);
    try {
      node.image.resize(sizeBytes);
    } catch (cause) {
      throw new Error(`Failed to resize the file: ${systemReason(cause)}`, { cause });
    }
    for (const { node: other, resized } of this.#attached) if (other.image === node.image) resized();
  }

  detach(attached: Attached): void {
    if (!this.#attached.delete(attached)) return;
    for (const drive of this.#left) if (drive.inFlight === 0) this.#left.delete(drive);
    if (attached.drive.inFlight > 0) this.#left.add(attached.drive);
    this.nodes.release(attached.node);
  }

  /** With operations under way nothing is closed: the process ends soon, and the number must not be another file's. */
  closeAll(): void {
    if ([...this.#left].every(({ inFlight }) => inFlight === 0)) this.nodes.closeAll();
  }

  /** The VM goes on: errors of before are forgotten. */
  forgetErrors(): void {
    for (const { drive } of this.#attached) drive.forgetErrors();
  }

  #failed({ drive, node, attachment, driveId }: Attached, error: BlockIoError): void {
    this.#report({
      ...error,
      qomPath: attachment.qomPath,
      device: driveId ?? '',
      nodeName: node.name,
      noSpace: drive.status === null ? null : error.error === 'ENOSPC',
    });
  }
}

function named<T>(option: string, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    throw new Error(`${option}: ${(cause as Error).message}`, { cause });
  }
}

/** Throws when the node would write and the one below does not. */
function readsOnly(node: BlockNode): boolean {
  if (node.options.readOnly || node.image.isReadOnly) {
    const isMeant = node.options.readOnly || node.options.autoReadOnly || node.file === null;
    if (!isMeant) throw new Error('Block node is read-only');
    return true;
  }
  for (let below = node.file; below !== null; below = below.file) {
    if (below.options.readOnly) throw new Error('Block node is read-only');
  }
  return false;
}

/** All the way down. */
function unmaps({ options, file }: BlockNode): boolean {
  return options.discard === 'unmap' && (file === null || unmaps(file));
}
