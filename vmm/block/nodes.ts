/**
 * The block nodes of a machine: opened by name, used by one device each, closed again. They are *active* when this
 * process may touch their images: it holds the locks then. An incoming machine's are not before it takes over, and a
 * machine that was migrated by its state alone has given them up.
 *
 * In the CPR modes the descriptors go with the guest (`block/NODE`), and the locks with them: they belong to the open
 * file description, so at every moment exactly this guest has them, wherever it is.
 */
import type { CarriedDescriptor, CarriedDescriptors, Carrier, CarryOutcome } from '../carried.js';
import type { BlockNodeOptions, RawNodeOptions } from '../options/block-options.js';
import { FileImage } from './file-image.js';
import type { Image } from './image.js';
import { lockImage, unlockImage, useOfDevice } from './image-lock.js';
import { NullImage } from './null-image.js';
import { openImage } from './open-image.js';

/** Who uses a node. */
export interface NodeUser {
  /** In QEMU's words: `block device 'v0'`. */
  readonly name: string;
  readonly isReadOnly: boolean;
  readonly sharesWriting: boolean;
}

export interface BlockNode {
  readonly name: string;
  readonly options: BlockNodeOptions;
  /** A view of another node has that one's. */
  readonly image: Image;
  /** The node below, if this one is only a view of it. */
  readonly file: BlockNode | null;
}

interface OpenNode extends BlockNode {
  readonly file: OpenNode | null;
  /** The node on top of it that was declared with it. */
  readonly owner: string | null;
  /** What the descriptor is called on its way. */
  readonly carriedAs: string;
}

export class BlockNodes implements Carrier {
  readonly #received: CarriedDescriptors;
  readonly #nodes = new Map<string, OpenNode>();
  readonly #users = new Map<OpenNode, NodeUser>();
  #areActive: boolean;
  /** What came with the guest may still be its source's until it has run here. */
  #hasRun: boolean;
  /** Another process has, or may have, the descriptors too, and the locks with them. */
  #isCarried = false;
  #lastAnonymous = 0;

  /** `isIncoming`: the guest, and what may be done with the images, is yet to come. */
  constructor(received: CarriedDescriptors, isIncoming: boolean) {
    this.#received = received;
    this.#areActive = !isIncoming;
    this.#hasRun = !isIncoming;
  }

  get areActive(): boolean {
    return this.#areActive;
  }

  /** In the order they were opened; a node that was declared inside of another is behind that one. */
  list(): readonly BlockNode[] {
    const all = [...this.#nodes.values()];
    const withInner = (node: OpenNode): OpenNode[] => [
      node,
      ...all.filter(({ owner }) => owner === node.name).flatMap(withInner),
    ];
    return all.filter(({ owner }) => owner === null).flatMap(withInner);
  }

  userOf({ name }: BlockNode): NodeUser | null {
    return this.#users.get(this.#bottom(this.#find(name))) ?? null;
  }

  /** Opens a node and those inside of it; returns its name. Throws, and nothing of it is open then. */
  open(options: BlockNodeOptions, carriedAs: string | null = null): BlockNode {
    return this.#open(options, carriedAs, null);
  }

  /** Throws when something uses it. What was declared with it is closed too. */
  close(name: string): void {
    const node = this.#find(name);
    if (node.owner !== null) throw new Error(`Node ${name} is not owned by the monitor`);
    const hasUpper = this.list().some(({ file }) => file === node);
    if (hasUpper) throw new Error(`Block device ${name} is in use`);
    if (this.userOf(node) !== null) throw new Error(`Node ${name} is in use`);
    this.#close(node);
  }

  find(name: string): BlockNode | null {
    return this.#nodes.get(name) ?? null;
  }

  /** A device takes a node for itself. Throws when it is taken, here or by another process. */
  use(node: BlockNode, user: NodeUser): void {
    const bottom = this.#bottom(this.#find(node.name));
    const other = this.#users.get(bottom);
    if (other !== undefined) throw new Error(conflict(node.name, user.name, other.name));
    this.#users.set(bottom, user);
    try {
      if (this.#areActive) this.#activate(bottom, user);
    } catch (error) {
      this.#users.delete(bottom);
      this.#unlockOwn(bottom);
      throw error;
    }
  }

  /** The device is gone. Locks that another process may have too are not given up: they end with the descriptor. */
  release({ name }: BlockNode): void {
    const bottom = this.#bottom(this.#find(name));
    if (this.#users.delete(bottom)) this.#unlockOwn(bottom);
  }

  /** The guest is, or is to be, here: takes the locks and looks at the images. Throws: then none is active. */
  activate(): void {
    if (this.#areActive) return;
    const done: OpenNode[] = [];
    try {
      for (const [node, user] of this.#users) {
        done.push(node);
        this.#activate(node, user);
      }
    } catch (error) {
      for (const node of done) this.#unlockOwn(node);
      throw error;
    }
    this.#areActive = true;
  }

  /**
   * Another process is to have the images: what was written is durable and the locks are given up. Those that came with
   * a guest which is not `ours`, because its source could not be told, stay: the source has them.
   */
  async inactivate(ours: boolean): Promise<void> {
    const nodes = [...this.#users.keys()];
    if (this.#areActive) await Promise.all(nodes.map(({ image }) => flushed(image)));
    for (const node of nodes) {
      if (ours) this.#deactivate(node);
      else this.#unlockOwn(node);
    }
    this.#areActive = false;
  }

  carry(): readonly CarriedDescriptor[] {
    this.#isCarried = true;
    return [...this.#nodes.values()].flatMap(({ image, file, carriedAs }) =>
      file === null && image instanceof FileImage
        ? [{ name: `block/${carriedAs}`, id: 0, fd: image.fd }]
        : [],
    );
  }

  /** The locks go with the descriptors: there is nothing to give up or to take back. */
  carried(outcome: CarryOutcome): void {
    if (outcome === 'kept') this.#isCarried = false;
  }

  guestRuns(runs: boolean): void {
    if (runs) this.#hasRun = true;
  }

  closeAll(): void {
    for (const { image, file } of this.#nodes.values()) if (file === null) image.close();
    this.#nodes.clear();
  }

  #open(options: BlockNodeOptions, carriedAs: string | null, owner: string | null): OpenNode {
    const name = options.nodeName ?? this.#anonymous();
    if (this.#nodes.has(name)) throw new Error(`Duplicate nodes with node-name='${name}'`);
    const called = options.nodeName ?? carriedAs ?? name;
    const node: OpenNode =
      options.driver === 'raw'
        ? this.#viewOf(options, { name, owner, carriedAs: called })
        : { name, options, image: this.#image(options, called), file: null, owner, carriedAs: called };
    this.#nodes.set(name, node);
    return node;
  }

  #viewOf(options: RawNodeOptions, identity: Pick<OpenNode, 'name' | 'owner' | 'carriedAs'>): OpenNode {
    const { file } = options;
    const below =
      typeof file === 'string' ? this.#find(file) : this.#open(file, identity.carriedAs, identity.name);
    return { ...identity, options, image: below.image, file: below };
  }

  /** Throws in QEMU's words. */
  #find(name: string): OpenNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`Cannot find device='${name}' nor node-name='${name}'`);
    return node;
  }

  #image(options: Exclude<BlockNodeOptions, RawNodeOptions>, carriedAs: string): Image {
    if (options.driver === 'null-co') {
      return new NullImage(options.sizeBytes, options.readOnly, options.readZeroes);
    }
    return openImage(options, this.#received.take(`block/${carriedAs}`));
  }

  #close(node: OpenNode): void {
    this.#nodes.delete(node.name);
    if (node.file === null) node.image.close();
    else if (node.file.owner === node.name) this.#close(node.file);
  }

  #activate({ image }: OpenNode, { isReadOnly, sharesWriting }: NodeUser): void {
    if (!(image instanceof FileImage)) return;
    if (image.isLockable) lockImage(image.fd, image.path, useOfDevice(isReadOnly, sharesWriting));
    image.refreshSize();
  }

  #unlockOwn(node: OpenNode): void {
    const isReceived = node.image instanceof FileImage && node.image.isReceived;
    if (!this.#isCarried && (this.#hasRun || !isReceived)) this.#deactivate(node);
  }

  #deactivate({ image }: OpenNode): void {
    if (image instanceof FileImage && image.isLockable) unlockImage(image.fd);
  }

  #bottom(node: OpenNode): OpenNode {
    return node.file === null ? node : this.#bottom(node.file);
  }

  #anonymous(): string {
    return `#block${String(++this.#lastAnonymous).padStart(3, '0')}`;
  }
}

function flushed(image: Image): Promise<void> {
  return new Promise((resolve, reject) => {
    image.flush((error) => {
      if (error === null) resolve();
      else reject(new Error(`cannot flush image '${image.path}': ${error}`));
    });
  });
}

function conflict(node: string, user: string, other: string): string {
  const uses = `(uses node '${node}' as 'root' child)`;
  return (
    `Permission conflict on node '${node}': permissions 'write' are both required by ${other} ${uses} ` +
    `and unshared by ${user} ${uses}.`
  );
}
