/** What tests look at: errors by their code, descriptors and signals as /proc shows them. */
import { readdirSync, readFileSync } from 'node:fs';
import { acceptUnix, closeFd, connectUnix, listenUnix, NativeError } from '../../native/index.js';

/** The NativeError that `act` throws; anything else is a failure of the test. */
export function nativeError(act: () => unknown): NativeError {
  try {
    act();
  } catch (error) {
    if (error instanceof NativeError) return error;
    throw error;
  }
  throw new Error('expected a NativeError, got none');
}

export function openFds(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Field `name` of a text like `/proc/PID/status`. */
export function fieldOf(text: string, name: string): string {
  const value = new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`expected ${name} in ${text}`);
  return value;
}

/** Field `name` of a process or a descriptor (`/proc/PID/status`, `/proc/PID/fdinfo/N`). */
export function procField(path: string, name: string): string {
  return fieldOf(readFileSync(`/proc/${path}`, 'utf8'), name);
}

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;

export function closesOnExec(pid: number | 'self', fd: number): boolean {
  return (Number.parseInt(procField(`${pid}/fdinfo/${fd}`, 'flags'), 8) & O_CLOEXEC) !== 0;
}

export function isNonBlocking(fd: number): boolean {
  return (Number.parseInt(procField(`self/fdinfo/${fd}`, 'flags'), 8) & O_NONBLOCK) !== 0;
}

/** Two ends of one connection, both in this process. */
export function socketPair(path: string): [number, number] {
  const listener = listenUnix(path, 1);
  const client = connectUnix(path);
  const server = acceptUnix(listener);
  closeFd(listener);
  if (server === null) throw new Error('expected the connection to be accepted');
  return [client, server];
}
