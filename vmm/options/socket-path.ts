/** A unix socket's path must fit the kernel's address structure; it is cut or refused there otherwise. */
import type { Properties } from './properties.js';

const MAX_PATH_BYTES = 107;

export function checkSocketPath(properties: Properties, path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_PATH_BYTES) return;
  throw properties.error(`socket path of ${bytes} bytes is too long, at most ${MAX_PATH_BYTES}: ${path}`);
}
