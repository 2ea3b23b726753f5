/**
 * The CPR state of mode `cpr-exec`: it waits in a memfd, whose number is in an environment variable, for the program
 * that takes this one's place; descriptors are in it by their numbers, which stay the same.
 */
import { fstatSync, readSync, writeSync } from 'node:fs';
import { closeFd, createMemfd, setCloseOnExec } from '../../native/index.js';
import type { CarriedDescriptor } from '../carried.js';
import { decodeExecState, encodeExecState, MAX_CPR_STATE_BYTES } from './cpr-state.js';

/** QEMU's name of it. */
export const EXEC_STATE_VARIABLE = 'QEMU_CPR_EXEC_STATE';

/** Returns the memfd, which is closed on exec unless it is kept. */
export function writeExecState(descriptors: readonly CarriedDescriptor[]): number {
  const bytes = encodeExecState(descriptors);
  const fd = createMemfd(EXEC_STATE_VARIABLE, bytes.length);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, null, at);
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/**
 * What the program before this one left: its descriptors, which are this process's from here on. `null` when there
 * was none. The variable is removed, so that programs started from here do not see it.
 */
export function takeExecState(environment: NodeJS.ProcessEnv): readonly CarriedDescriptor[] | null {
  const text = environment[EXEC_STATE_VARIABLE];
  if (text === undefined) return null;
  delete environment[EXEC_STATE_VARIABLE];
  try {
    const descriptors = readState(text);
    for (const { fd } of descriptors) setCloseOnExec(fd, true);
    return descriptors;
  } catch (cause) {
    throw new Error(`${EXEC_STATE_VARIABLE}=${text}: ${(cause as Error).message}`, { cause });
  }
}

function readState(text: string): CarriedDescriptor[] {
  const fd = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (fd < 3) throw new Error('expected the number of a descriptor');
  const sizeBytes = fstatSync(fd).size;
  if (sizeBytes > MAX_CPR_STATE_BYTES)
    throw new Error(`expected at most ${MAX_CPR_STATE_BYTES} bytes, got ${sizeBytes}`);
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; ) {
    const got = readSync(fd, bytes, at, sizeBytes - at, at);
    if (got === 0) throw new Error(`expected ${sizeBytes} bytes, got ${at}`);
    at += got;
  }
  closeFd(fd);
  return decodeExecState(bytes);
}
