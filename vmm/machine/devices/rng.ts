/** Entropy for `virtio-rng-device`: the host's generator, or a file that random bytes are read from. */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, readSync } from 'node:fs';
import { openPath } from '../../descriptors/open-path.js';
import { type EntropySource, virtioRng } from '../../devices/virtio-rng/device.js';
import { numberOf, textOf } from '../../options/device-type.js';
import type { DeviceOptions, RngOptions } from '../../options/options.js';
import type { DeviceContext, OpenPart } from '../devices.js';

/** Node's timers know no more: 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export async function openRng({ values }: DeviceOptions, { options }: DeviceContext): Promise<OpenPart> {
  const { path } = findRng(options.rngs, textOf(values, 'rng'));
  const limit = { maxBytes: numberOf(values, 'max-bytes'), periodMs: numberOf(values, 'period'), after };
  const partOf = (source: EntropySource, close: () => Promise<void>): OpenPart => {
    return { part: virtioRng(source, limit), drain: async () => {}, close };
  };
  if (path === null) return partOf({ take: (sizeBytes) => randomBytes(sizeBytes) }, async () => {});
  const fd = openPath(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return partOf({ take: (sizeBytes) => readSome(fd, sizeBytes) }, async () => closeSync(fd));
}

/** Keeps no process going. */
function after(delayMs: number, work: () => void): void {
  setTimeout(work, Math.min(delayMs, MAX_TIMER_MS)).unref();
}

function findRng(rngs: readonly RngOptions[], id: string | null): Pick<RngOptions, 'path'> {
  if (id === null) return { path: null };
  const found = rngs.find((rng) => rng.id === id);
  if (found === undefined) throw new Error(`rng '${id}' not found`);
  return found;
}

/** A source that has nothing now gives nothing: the guest asks again. */
function readSome(fd: number, sizeBytes: number): Uint8Array {
  const bytes = Buffer.alloc(sizeBytes);
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, sizeBytes, null));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return bytes.subarray(0, 0);
    throw error;
  }
}
