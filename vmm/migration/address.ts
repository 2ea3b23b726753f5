/** Where a main stream goes to or comes from, as data and as the URIs that QEMU has for it. */

export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  /** TCP. An empty host: all addresses to listen on, none to connect to. */
  | { readonly kind: 'inet'; readonly host: string; readonly port: string }
  | { readonly kind: 'file'; readonly path: string; readonly offsetBytes: number }
  /** A descriptor of this process by number, or by a name that the monitor knows: a socket or a pipe. */
  | { readonly kind: 'fd'; readonly name: string; readonly take?: () => number | null }
  /** A program and its arguments: its input takes the stream, or its output gives it. */
  | { readonly kind: 'exec'; readonly args: readonly string[] };

/** The kernel's limit for the path of a unix socket, without the final NUL. */
const MAX_SOCKET_PATH_BYTES = 107;
const OFFSET = ',offset=';

/** Throws an `Error` with a sentence for what is no address, or none of ours. */
export function parseUri(uri: string): Address {
  const colon = uri.indexOf(':');
  const rest = uri.slice(colon + 1);
  switch (uri.slice(0, Math.max(colon, 0))) {
    case 'unix':
      if (rest === '') throw new Error('invalid Unix socket address');
      return { kind: 'unix', path: checkSocketPath(rest) };
    case 'file':
      return parseFile(rest);
    case 'fd':
      if (rest === '') throw new Error('invalid file descriptor address');
      return { kind: 'fd', name: rest };
    case 'exec':
      return { kind: 'exec', args: ['/bin/sh', '-c', rest] };
    case 'tcp':
      return parseInet(rest);
    case 'vsock':
    case 'rdma':
      throw new Error(`migration protocol of '${uri}' is not offered: have unix, tcp, file, fd, exec`);
    default:
      throw new Error(`unknown migration protocol: ${uri}`);
  }
}

/** `host:port`, with an IPv6 address in brackets. */
function parseInet(text: string): Address {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]*)):([^:,]+)$/.exec(text) ?? [];
  if (port === undefined) throw new Error(`error parsing address '${text}'`);
  return { kind: 'inet', host: bracketed ?? plain ?? '', port: checkPort(port) };
}

export function checkPort(port: string): string {
  if (/^\d{1,5}$/.test(port) && Number(port) <= 65_535) return port;
  throw new Error(`expected a port from 0 to 65535, got '${port}'`);
}

function parseFile(text: string): Address {
  const at = text.lastIndexOf(OFFSET);
  if (at < 0) return { kind: 'file', path: checkFilePath(text), offsetBytes: 0 };
  const digits = text.slice(at + OFFSET.length);
  if (!/^(\d+|0x[0-9a-f]+)$/i.test(digits))
    throw new Error(`file URI has bad offset ${digits}: Invalid argument`);
  const offsetBytes = Number(digits);
  return { kind: 'file', path: checkFilePath(text.slice(0, at)), offsetBytes: checkOffset(offsetBytes) };
}

export function checkOffset(offsetBytes: number): number {
  if (Number.isSafeInteger(offsetBytes) && offsetBytes >= 0) return offsetBytes;
  throw new Error(`file URI has bad offset: expected a number of bytes, got ${offsetBytes}`);
}

export function checkFilePath(path: string): string {
  if (path !== '' && !path.includes('\0')) return path;
  throw new Error(`expected the path of a file, got '${path}'`);
}

export function checkSocketPath(path: string): string {
  const sizeBytes = Buffer.byteLength(path);
  if (sizeBytes > 0 && sizeBytes <= MAX_SOCKET_PATH_BYTES && !path.includes('\0')) return path;
  throw new Error(`expected the path of a unix socket of 1 to ${MAX_SOCKET_PATH_BYTES} bytes, got '${path}'`);
}
