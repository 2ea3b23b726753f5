/**
 * Virtio block device (virtio 1.2, section 5.2): reads and writes a disk that somebody else keeps. Requests are under
 * way together and complete in any order; what the host has at hand is given at once. After a reset nothing of before
 * has an effect on the driver, and the disk hears of nothing new until it has done with the old.
 *
 * Requests that failed and are to be tried again (`stop`) are the device's, by their descriptors; they travel with it.
 *
 * Not emulated: several queues, secure erase, zones, SCSI commands.
 */
import type { StateRecord } from '../../state/description.js';
import { slice } from '../virtio/chain.js';
import { readConfigBytes, type VirtioDevice, type VirtioHost, type VirtioPart } from '../virtio/device.js';
import type { BlockBackend } from './backend.js';
import {
  configBytes,
  FEATURE_CONFIG_WCE,
  FEATURE_FLUSH,
  featuresOf,
  SECTOR_BYTES,
  type VirtioBlkOptions,
  WRITEBACK_AT,
} from './config.js';
import {
  DISCARD,
  FLUSH,
  GET_ID,
  HEADER_BYTES,
  IN,
  IOERR,
  isInside,
  OK,
  parseRange,
  parseRequest,
  type Request,
  UNSUPPORTED,
  WRITE_ZEROES,
} from './request.js';
import { BLK_FIELDS, BLK_SUBSECTIONS, headsOf, retryState, validateBlk } from './state.js';

const QUEUE = 0;
const ID_BYTES = 20;
/** Data moved at once for one notification; the guest waits for it. */
const MAX_BYTES_AT_ONCE = 1024 * 1024;
/** Larger writes are the pool's. */
const MAX_WRITE_AT_ONCE = 256 * 1024;
/** Of one request as much is held by the host at a time. */
const PIECE_BYTES = 1024 * 1024;
/** Held by the host for all requests together; what comes beyond waits in the queue. */
const MAX_HELD_BYTES = 16 * 1024 * 1024;

export interface VirtioBlkPart extends VirtioPart {
  /** The disk has another size now. */
  resized(): void;
}

export function virtioBlk(backend: BlockBackend, options: VirtioBlkOptions): VirtioBlkPart {
  let current: { readonly host: VirtioHost } | null = null;
  return {
    name: 'virtio-blk',
    deviceId: 2,
    queueSizes: [options.queueSize],
    features: featuresOf(options, backend.isReadOnly),
    fields: BLK_FIELDS,
    subsections: BLK_SUBSECTIONS,
    reset: { writeback: options.writeback, retry: new Uint8Array() },
    validate: (state) => validateBlk(state, options.queueSize),
    create: (host, state) => {
      current = { host };
      return new VirtioBlk(host, backend, options, state);
    },
    resized: () => current?.host.configChanged(),
  };
}

class VirtioBlk implements VirtioDevice {
  readonly #host: VirtioHost;
  readonly #backend: BlockBackend;
  readonly #options: VirtioBlkOptions;
  #writeback: boolean;
  #isRunning = false;
  /** Changes with each reset: what was begun in another one is forgotten. */
  #epoch = 0;
  /** Requests of this epoch that the host works at. */
  #inFlight = 0;
  #heldBytes = 0;
  #retry: number[];
  #isAskedBack = false;

  constructor(host: VirtioHost, backend: BlockBackend, options: VirtioBlkOptions, state: StateRecord) {
    this.#host = host;
    this.#backend = backend;
    this.#options = options;
    this.#writeback = state.writeback as boolean;
    this.#retry = headsOf(state);
  }

  notify(): void {
    this.#work();
  }

  resume(): void {
    this.#isRunning = true;
    this.#work();
  }

  pause(): void {
    this.#isRunning = false;
  }

  reset(): void {
    this.#epoch++;
    this.#inFlight = 0;
    this.#heldBytes = 0;
    this.#retry = [];
    this.#writeback = this.#options.writeback;
  }

  readConfig(offset: number, width: number): number {
    const config = configBytes(this.#options, this.#backend.sizeBytes, this.#writeback);
    return offset < config.length ? readConfigBytes(config, offset, width) : 2 ** (8 * width) - 1;
  }

  writeConfig(offset: number, width: number, value: number): void {
    if (offset > WRITEBACK_AT || offset + width <= WRITEBACK_AT) return;
    this.#writeback = ((value >>> (8 * (WRITEBACK_AT - offset))) & 0xff) !== 0;
  }

  save(): StateRecord {
    return { writeback: this.#writeback, retry: retryState(this.#retry) };
  }

  /** Takes what there is to do, as much as is good for the guest now. */
  #work(): void {
    const [queue] = this.#host.queues;
    if (!this.#isRunning || queue === undefined || this.#waitsForOthers()) return;
    for (const head of this.#retry.splice(0)) this.#begin(parseRequest(queue.again(head)));
    let movedBytes = 0;
    while (this.#isRunning && this.#hasRoom) {
      if (movedBytes >= MAX_BYTES_AT_ONCE) {
        this.#askBack();
        break;
      }
      const chain = queue.pop();
      if (chain === null) break;
      movedBytes += this.#begin(parseRequest(chain));
    }
    this.#host.signal(QUEUE);
  }

  /** A driver that follows the rules has no more requests under way than its queue has descriptors. */
  get #hasRoom(): boolean {
    const count = this.#inFlight + this.#retry.length;
    return this.#heldBytes < MAX_HELD_BYTES && count < this.#options.queueSize;
  }

  /** A device before this one, or before its reset, has left operations under way: those come first. */
  #waitsForOthers(): boolean {
    if (this.#backend.inFlight <= this.#inFlight) return false;
    const epoch = this.#epoch;
    this.#backend.whenIdle(() => {
      if (epoch === this.#epoch) this.#host.attempt(() => this.#work());
    });
    return true;
  }

  #askBack(): void {
    if (this.#isAskedBack) return;
    this.#isAskedBack = true;
    this.#backend.soon(() => {
      this.#isAskedBack = false;
      this.#host.attempt(() => this.#work());
    });
  }

  /** Returns how many bytes were moved at once. */
  #begin(request: Request): number {
    switch (request.kind) {
      case IN:
        return request.isOut ? this.#write(request) : this.#read(request);
      case FLUSH:
        this.#start(request, false, 0, (done) => this.#backend.flush(done));
        return 0;
      case GET_ID:
        this.#tellId(request);
        return 0;
      case DISCARD:
        this.#clear(request, this.#options.discard, this.#options.maxDiscardSectors);
        return 0;
      case WRITE_ZEROES:
        this.#clear(request, this.#options.writeZeroes, this.#options.maxWriteZeroesSectors);
        return 0;
      default:
        this.#finish(request, UNSUPPORTED);
        return 0;
    }
  }

  #read(request: Request): number {
    const { chain, sector, inBytes } = request;
    if (!this.#isOnDisk(sector, inBytes)) {
      this.#refuse(request, 'read');
      return 0;
    }
    const at = sector * SECTOR_BYTES;
    if (inBytes <= MAX_BYTES_AT_ONCE) {
      const segments = slice(chain.writable, 0, inBytes);
      const buffers = segments.map(({ bytes }) => bytes);
      if (this.#backend.readNow(at, buffers, inBytes)) {
        chain.wrote(segments);
        this.#finish(request, OK);
        return inBytes;
      }
    }
    const epoch = this.#epoch;
    const put = (offset: number, bytes: Uint8Array) => {
      if (epoch === this.#epoch) chain.write(offset, bytes);
    };
    this.#start(request, true, inBytes, (done) => this.#backend.read(at, inBytes, put, done));
    return 0;
  }

  #write(request: Request): number {
    const { chain, sector, outBytes } = request;
    if (!this.#isOnDisk(sector, outBytes) || this.#backend.isReadOnly) {
      this.#refuse(request, 'write');
      return 0;
    }
    if (outBytes <= MAX_WRITE_AT_ONCE && this.#hasWriteCache) {
      const buffers = slice(chain.readable, HEADER_BYTES, outBytes).map(({ bytes }) => bytes);
      if (this.#backend.writeNow(sector * SECTOR_BYTES, buffers, outBytes)) {
        this.#finish(request, OK);
        return outBytes;
      }
    }
    const epoch = this.#epoch;
    const take = (offset: number, sizeBytes: number) =>
      epoch === this.#epoch ? chain.read(HEADER_BYTES + offset, sizeBytes) : null;
    this.#start(request, false, outBytes, (done) =>
      this.#backend.write(sector * SECTOR_BYTES, outBytes, take, this.#durably(done)),
    );
    return 0;
  }

  #clear(request: Request, isOffered: boolean, maxSectors: number): void {
    const range = parseRange(request);
    if (range === null || !request.isOut || !isOffered) {
      this.#finish(request, UNSUPPORTED);
      return;
    }
    const { sector, sectors, unmap, hasUnknownFlags } = range;
    const sizeBytes = sectors * SECTOR_BYTES;
    if (sectors > maxSectors || !this.#isOnDisk(sector, sizeBytes) || this.#backend.isReadOnly) {
      this.#refuse(request, request.kind === DISCARD ? 'unmap' : 'write');
    } else if (hasUnknownFlags || (request.kind === DISCARD && unmap)) {
      this.#finish(request, UNSUPPORTED);
    } else {
      const at = sector * SECTOR_BYTES;
      this.#start(request, false, 0, (done) => {
        if (request.kind === DISCARD) this.#backend.discard(at, sizeBytes, done);
        else this.#backend.writeZeroes(at, sizeBytes, unmap, this.#durably(done));
      });
    }
  }

  #tellId(request: Request): void {
    const text = new TextEncoder().encode(`${this.#options.serial}\0`);
    request.chain.write(0, text.subarray(0, Math.min(ID_BYTES, request.inBytes)));
    this.#finish(request, OK);
  }

  /** Without a write cache what is written is durable when it is done. */
  #durably(done: (error: string | null) => void): (error: string | null) => void {
    if (this.#hasWriteCache) return done;
    return (error) => (error === null ? this.#backend.flush(done) : done(error));
  }

  /** The driver flushes when it wants to. */
  get #hasWriteCache(): boolean {
    return this.#host.has(FEATURE_CONFIG_WCE) ? this.#writeback : this.#host.has(FEATURE_FLUSH);
  }

  #isOnDisk(sector: number, sizeBytes: number): boolean {
    const { sizeBytes: diskBytes } = this.#backend;
    return isInside(sector, sizeBytes, {
      sizeBytes: diskBytes,
      blockBytes: this.#options.logicalBlockBytes,
    });
  }

  #refuse(request: Request, operation: 'read' | 'write' | 'unmap'): void {
    this.#backend.invalid(operation);
    this.#finish(request, IOERR);
  }

  #start(
    request: Request,
    isRead: boolean,
    sizeBytes: number,
    begin: (done: (error: string | null) => void) => void,
  ): void {
    const epoch = this.#epoch;
    const heldBytes = Math.min(sizeBytes, PIECE_BYTES);
    this.#inFlight++;
    this.#heldBytes += heldBytes;
    begin((error) => {
      if (epoch !== this.#epoch) return;
      this.#inFlight--;
      this.#heldBytes -= heldBytes;
      this.#host.attempt(() => {
        this.#end(request, isRead, error);
        this.#work();
        this.#host.signal(QUEUE);
      });
    });
  }

  #end(request: Request, isRead: boolean, error: string | null): void {
    const action = error === null ? 'ignore' : this.#backend.failed(isRead, error);
    if (action === 'stop') this.#retry.push(request.chain.head);
    else this.#finish(request, action === 'report' ? IOERR : OK);
  }

  #finish({ chain, inBytes }: Request, status: number): void {
    chain.write(inBytes, Uint8Array.of(status));
    this.#host.queues[QUEUE]?.push(chain.head, inBytes + 1);
  }
}
