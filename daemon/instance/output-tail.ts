/** The last words of a VMM, for the operator who has to know why it ended. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { openVmmFileSync } from './vmm-file.js';

const TAIL_BYTES = 4096;
const TAIL_LINES = 12;
const LINE_CHARACTERS = 400;

/** Never throws: no log is no last words. Control characters are left out, the guest may have chosen them. */
export function outputTail(path: string): string[] {
  let fd: number;
  try {
    fd = openVmmFileSync(path);
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(TAIL_BYTES, size));
    const read = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    return bytes
      .toString('utf8', 0, read)
      .split('\n')
      .map((line) => line.replace(/[\p{Cc}\p{Cf}]/gu, '').slice(0, LINE_CHARACTERS))
      .filter((line) => line.trim() !== '')
      .slice(-TAIL_LINES);
  } catch {
    return [];
  } finally {
    closeSync(fd);
  }
}

/** QEMU's complaint may be followed by a line of advice, which alone says little. */
const LAST_LINES = 2;

/** What went wrong, with the process's own last words on it. */
export function withLastWords(message: string, output: readonly string[]): string {
  const words = output.slice(-LAST_LINES).join(' | ');
  return words === '' ? message : `${message}; it said: ${words}`;
}
