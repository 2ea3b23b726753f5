/**
 * Locks of images as QEMU takes them, so that two programs, of whatever kind, do not write the same image. What a user
 * does with an image is a shared lock on byte 100 + N, and what it does not bear others doing one on byte 200 + N; then
 * it looks whether others hold the byte opposite. They belong to the open file description: they go with the
 * descriptor to another process, and are gone when the last one is closed.
 */
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

/** Throws `ImageInUseError`; what this description had locked, or has now, stays locked. */
export function lockImage(fd: number, path: string, { does, refuses }: ImageUse): void {
  for (const permission of does) lockByte(fd, path, DONE_FROM + PERMISSIONS[permission]);
  for (const permission of refuses) lockByte(fd, path, NOT_BORNE_FROM + PERMISSIONS[permission]);
  for (const permission of does) {
    if (testOfd(fd, 'write', NOT_BORNE_FROM + PERMISSIONS[permission], 1) !== null) {
      throw new ImageInUseError(`"${permission}"`, path);
    }
  }
  for (const permission of refuses) {
    if (testOfd(fd, 'write', DONE_FROM + PERMISSIONS[permission], 1) !== null) {
      throw new ImageInUseError(`shared "${permission}"`, path);
    }
  }
}

export function unlockImage(fd: number): void {
  unlockOfd(fd, DONE_FROM, BYTES);
  unlockOfd(fd, NOT_BORNE_FROM, BYTES);
}

/** Only an exclusive lock, which nobody takes on purpose, is in the way here. */
function lockByte(fd: number, path: string, byte: number): void {
  if (!lockOfd(fd, 'read', byte, 1)) throw new Error(`Failed to lock byte ${byte} of image [${path}]`);
}
