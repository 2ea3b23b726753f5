/**
 * Locks of images as QEMU takes them, so that two programs, of whatever kind, do not write the same image. What a user
 * does with an image is a shared lock on byte 100 + N, and what it does not bear others doing one on byte 200 + N; then
 * it looks whether others hold the byte opposite. They belong to the open file description: they go with the
 * descriptor to another process, and are gone when the last one is closed.
 */
import { readFileSync } from 'node:fs';
import { lockOfd, testOfd, unlockOfd } from '../../native/index.js';

/** N of the bytes, by QEMU's names. */
const PERMISSIONS = { 'consistent read': 0, write: 1 } as const;
export type Permission = keyof typeof PERMISSIONS;

const DONE_FROM = 100;
const NOT_BORNE_FROM = 200;
/** Bytes of each kind that QEMU uses. */
const BYTES = 5;

export interface ImageUse {
  readonly does: readonly Permission[];
  /** What others may not do. */
  readonly refuses: readonly Permission[];
}

export class ImageInUseError extends Error {
  constructor(lock: string, path: string) {
    super(`Failed to get ${lock} lock\nIs another process using the image [${path}]?`);
    this.name = 'ImageInUseError';
  }
}

/** What a device does with its disk. */
export function useOfDevice(isReadOnly: boolean, sharesWriting: boolean): ImageUse {
  return {
    does: isReadOnly ? ['consistent read'] : ['consistent read', 'write'],
    refuses: sharesWriting ? [] : ['write'],
  };
}

/**
 * Throws `ImageInUseError`: what this description had locked before is locked, and no more. What it had is not asked
 * about again, so that others who try at that moment are not in the way of a guest that is handed over.
 */
export function lockImage(fd: number, path: string, { does, refuses }: ImageUse): void {
  const held = heldBytes(fd);
  const missing = [...does.map(doneByte), ...refuses.map(notBorneByte)].filter((byte) => !held.has(byte));
  const isNew = (byte: number) => missing.includes(byte);
  try {
    for (const byte of missing) lockByte(fd, path, byte);
    for (const permission of does.filter((one) => isNew(doneByte(one)))) {
      if (isLocked(fd, notBorneByte(permission))) throw new ImageInUseError(`"${permission}"`, path);
    }
    for (const permission of refuses.filter((one) => isNew(notBorneByte(one)))) {
      if (isLocked(fd, doneByte(permission))) throw new ImageInUseError(`shared "${permission}"`, path);
    }
  } catch (error) {
    for (const byte of missing) unlockOfd(fd, byte, 1);
    throw error;
  }
}

export function unlockImage(fd: number): void {
  unlockOfd(fd, DONE_FROM, BYTES);
  unlockOfd(fd, NOT_BORNE_FROM, BYTES);
}

function doneByte(permission: Permission): number {
  return DONE_FROM + PERMISSIONS[permission];
}

function notBorneByte(permission: Permission): number {
  return NOT_BORNE_FROM + PERMISSIONS[permission];
}

/** By another description. */
function isLocked(fd: number, byte: number): boolean {
  return testOfd(fd, 'write', byte, 1) !== null;
}

/** What the description has locked, in whatever process. */
function heldBytes(fd: number): ReadonlySet<number> {
  const bytes = new Set<number>();
  const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
  for (const [, first, last] of info.matchAll(/^lock:.* OFDLCK .* (\d+) (\d+)$/gm)) {
    for (let byte = Number(first); byte <= Number(last); byte++) bytes.add(byte);
  }
  return bytes;
}

/** Only an exclusive lock, which nobody takes on purpose, is in the way here. */
function lockByte(fd: number, path: string, byte: number): void {
  if (!lockOfd(fd, 'read', byte, 1)) throw new Error(`Failed to lock byte ${byte} of image [${path}]`);
}
