/** Requests of a virtio-blk driver for tests, and a disk whose operations end when a test says so. */
import type {
  BlockBackend,
  Done,
  ErrorAction,
  TakeData,
} from '../../../../vmm/devices/virtio-blk/backend.js';
import type { VirtioBlkOptions } from '../../../../vmm/devices/virtio-blk/config.js';
import type { Buffer as GuestBuffer, TestDriver } from '../virtio/driver.js';

export const T = { in: 0, out: 1, scsi: 2, flush: 4, id: 8, discard: 11, zeroes: 13 } as const;
export const S = { ok: 0, ioError: 1, unsupported: 2 } as const;
export const SECTOR = 512;

export const OPTIONS: VirtioBlkOptions = {
  serial: 'serial-1',
  logicalBlockBytes: 512,
  physicalBlockBytes: 512,
  minIoBytes: 0,
  optIoBytes: 0,
  discardGranularityBytes: null,
  queueSize: 64,
  segMaxAdjust: true,
  configWce: true,
  writeback: true,
  discard: true,
  maxDiscardSectors: 4194303,
  writeZeroes: true,
  maxWriteZeroesSectors: 4194303,
};

export function header(type: number, sector = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setBigUint64(8, BigInt(sector), true);
  return bytes;
}

export function range(sector: number, sectors: number, flags = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(sector), true);
  view.setUint32(8, sectors, true);
  view.setUint32(12, flags, true);
  return bytes;
}

/** What a test holds of a request that it made. */
export interface Sent {
  readonly head: number;
  readonly data: GuestBuffer | null;
  readonly status: GuestBuffer;
}

/** No status has this value. */
export const PENDING = 0xee;

export function send(
  driver: TestDriver,
  type: number,
  sector: number,
  data: Uint8Array | number | null = null,
): Sent {
  const buffers = [driver.buffer(header(type, sector), false)];
  const isIn = typeof data === 'number';
  const body = data === null ? null : driver.buffer(data, isIn);
  if (body !== null) buffers.push(body);
  const status = driver.buffer(Uint8Array.of(PENDING), true);
  const head = driver.add(0, [...buffers, status]);
  return { head, data: body, status };
}

export function statusOf(driver: TestDriver, { status }: Sent): number {
  return driver.bytesOf(status)[0] ?? -1;
}

export function dataOf(driver: TestDriver, { data }: Sent): Uint8Array {
  if (data === null) throw new Error('this request has no data');
  return driver.bytesOf(data);
}

interface Pending {
  readonly what: string;
  end(error: string | null): void;
}

/** In memory. Operations wait in `pending`, those of `readNow` do not. */
export class FakeDisk implements BlockBackend {
  readonly bytes: Uint8Array;
  readonly pending: Pending[] = [];
  readonly log: string[] = [];
  isReadOnly = false;
  hasAtHand = false;
  action: ErrorAction = 'report';
  readonly #idle: (() => void)[] = [];
  readonly #soon: (() => void)[] = [];

  constructor(sectors: number) {
    this.bytes = new Uint8Array(sectors * SECTOR);
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  get inFlight(): number {
    return this.pending.length;
  }

  readNow(at: number, buffers: readonly Uint8Array[], sizeBytes: number): boolean {
    if (!this.hasAtHand) return false;
    let from = at;
    for (const buffer of buffers) {
      buffer.set(this.bytes.subarray(from, from + buffer.length));
      from += buffer.length;
    }
    this.log.push(`now ${at} ${sizeBytes}`);
    return true;
  }

  writeNow(at: number, buffers: readonly Uint8Array[], sizeBytes: number): boolean {
    if (!this.hasAtHand) return false;
    let to = at;
    for (const buffer of buffers) {
      this.bytes.set(buffer, to);
      to += buffer.length;
    }
    this.log.push(`write now ${at} ${sizeBytes}`);
    return true;
  }

  read(at: number, sizeBytes: number, put: (offset: number, bytes: Uint8Array) => void, done: Done): void {
    this.#add(`read ${at} ${sizeBytes}`, done, () => put(0, this.bytes.slice(at, at + sizeBytes)));
  }

  write(at: number, sizeBytes: number, take: TakeData, done: Done): void {
    const data = take(0, sizeBytes);
    this.#add(`write ${at} ${sizeBytes}`, done, () => this.bytes.set(data ?? [], at));
  }

  flush(done: Done): void {
    this.#add('flush', done, () => {});
  }

  discard(at: number, sizeBytes: number, done: Done): void {
    this.#add(`discard ${at} ${sizeBytes}`, done, () => this.bytes.fill(0xdd, at, at + sizeBytes));
  }

  writeZeroes(at: number, sizeBytes: number, mayUnmap: boolean, done: Done): void {
    const what = `zeroes ${at} ${sizeBytes}${mayUnmap ? ' unmap' : ''}`;
    this.#add(what, done, () => this.bytes.fill(0, at, at + sizeBytes));
  }

  failed(isRead: boolean, error: string): ErrorAction {
    this.log.push(`${isRead ? 'read' : 'write'} failed: ${error}`);
    return this.action;
  }

  invalid(operation: string): void {
    this.log.push(`invalid ${operation}`);
  }

  whenIdle(work: () => void): void {
    this.#idle.push(work);
  }

  soon(work: () => void): void {
    this.#soon.push(work);
  }

  /** Ends an operation that was begun; the oldest when none is named. */
  end(index = 0, error: string | null = null): void {
    const [operation] = this.pending.splice(index, 1);
    if (operation === undefined) throw new Error(`there is no operation ${index}`);
    operation.end(error);
    if (this.pending.length > 0) return;
    for (const work of this.#idle.splice(0)) work();
  }

  endAll(): void {
    while (this.pending.length > 0) this.end();
  }

  /** What was to be called back out of the guest's time. */
  turn(): number {
    const due = this.#soon.splice(0);
    for (const work of due) work();
    return due.length;
  }

  get waiting(): string[] {
    return this.pending.map(({ what }) => what);
  }

  #add(what: string, done: Done, effect: () => void): void {
    const end = (error: string | null) => {
      if (error === null) effect();
      done(error);
    };
    this.pending.push({ what, end });
  }
}
