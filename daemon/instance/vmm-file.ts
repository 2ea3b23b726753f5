/**
 * Opens files in the folders of VMMs. A guest that has broken out into its VMM can put anything in their place: a link to a
 * file of the host's, or a pipe, on which whoever opens it waits for ever. What is opened here is a file, and the one
 * of that name, or it is an error.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** For what is not read and written as a file. */
export const NOT_ELSEWHERE = O_NOFOLLOW | O_NONBLOCK;

export async function openVmmFile(path: string, flags = O_RDONLY): Promise<FileHandle> {
  const file = await open(path, flags | NOT_ELSEWHERE);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw noFile(path);
}

export function openVmmFileSync(path: string, flags = O_RDONLY): number {
  const fd = openSync(path, flags | NOT_ELSEWHERE, 0o600);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw noFile(path);
}

function noFile(path: string): Error {
  return new Error(`expected ${path} to be a file, but something else is there`);
}
