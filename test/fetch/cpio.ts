/**
 * Writes newc cpio archives as the kernel unpacks them into its initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Everything belongs to root and carries
 * time 0, so the same entries give the same bytes. Reading archives is not offered.
 */

export type CpioEntry =
  | { readonly type: 'directory'; readonly name: string; readonly mode?: number }
  | { readonly type: 'file'; readonly name: string; readonly data: Uint8Array; readonly mode?: number }
  | { readonly type: 'symlink'; readonly name: string; readonly target: string }
  | {
      readonly type: 'character-device';
      readonly name: string;
      readonly major: number;
      readonly minor: number;
      readonly mode?: number;
    };

const FORMAT_BITS = { directory: 0o040000, file: 0o100000, symlink: 0o120000, 'character-device': 0o020000 };
const ALIGNMENT = 4;
/** The last archive of a buffer is padded to this, as cpio(1) does; zeroes between archives are skipped. */
const BLOCK_BYTES = 512;
const TRAILER = 'TRAILER!!!';

/** Parent directories must come before what is in them, as in the kernel's own archives. */
export function cpio(entries: readonly CpioEntry[]): Uint8Array {
  const parts: Buffer[] = [];
  let lengthBytes = 0;
  const add = (part: Buffer, alignment: number) => {
    const padding = (alignment - ((lengthBytes + part.length) % alignment)) % alignment;
    parts.push(part, Buffer.alloc(padding));
    lengthBytes += part.length + padding;
  };
  const seen = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    checkName(entry.name, seen);
    const { head, data } = encode(entry, index + 1);
    add(head, ALIGNMENT);
    add(data, ALIGNMENT);
  }
  add(header({ ino: 0, mode: 0, sizeBytes: 0, name: TRAILER }), BLOCK_BYTES);
  return Buffer.concat(parts);
}

function checkName(name: string, seen: Set<string>): void {
  if (name === '' || name.startsWith('/') || name.split('/').includes('..') || name.includes('\0')) {
    throw new Error(`expected a relative name without "..", got ${JSON.stringify(name)}`);
  }
  if (seen.has(name)) throw new Error(`expected each name once, got ${JSON.stringify(name)} twice`);
  const slash = name.lastIndexOf('/');
  if (slash > 0 && !seen.has(name.slice(0, slash))) {
    throw new Error(`expected the directory of ${JSON.stringify(name)} before it`);
  }
  seen.add(name);
}

function encode(entry: CpioEntry, ino: number): { head: Buffer; data: Buffer } {
  const bits = FORMAT_BITS[entry.type];
  if (entry.type === 'symlink') {
    const data = Buffer.from(entry.target);
    return { head: header({ ino, mode: bits | 0o777, sizeBytes: data.length, name: entry.name }), data };
  }
  if (entry.type === 'file') {
    const mode = bits | (entry.mode ?? 0o644);
    const head = header({ ino, mode, sizeBytes: entry.data.length, name: entry.name });
    return { head, data: Buffer.from(entry.data.buffer, entry.data.byteOffset, entry.data.length) };
  }
  const mode = bits | (entry.mode ?? (entry.type === 'directory' ? 0o755 : 0o600));
  const device = entry.type === 'character-device' ? [entry.major, entry.minor] : [];
  return { head: header({ ino, mode, sizeBytes: 0, name: entry.name, device }), data: Buffer.alloc(0) };
}

interface HeaderFields {
  readonly ino: number;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly name: string;
  readonly device?: readonly number[];
}

function header({ ino, mode, sizeBytes, name, device = [] }: HeaderFields): Buffer {
  const nameBytes = Buffer.from(`${name}\0`);
  const links = (mode & 0o170000) === FORMAT_BITS.directory ? 2 : 1;
  const [major = 0, minor = 0] = device;
  const fields = [ino, mode, 0, 0, links, 0, sizeBytes, 0, 0, major, minor, nameBytes.length, 0];
  const hex = fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0'));
  return Buffer.concat([Buffer.from(`070701${hex.join('')}`), nameBytes]);
}
