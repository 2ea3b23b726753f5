/**
 * Finds kernel modules in an unpacked Debian kernel and the order to load them in. Debian's packages
 * ship no `modules.dep` (depmod writes it at installation), so dependencies are read from each module's
 * own `.modinfo`. A wanted module that the kernel has built in, or has not at all, is left out.
 */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';

export interface KernelModule {
  readonly name: string;
  readonly data: Uint8Array;
}

/** `decompress` turns a `.ko` or `.ko.xz` file into the module's bytes. */
export async function collectModules(
  directory: string,
  wanted: readonly string[],
  decompress: (path: string) => Promise<Uint8Array>,
): Promise<KernelModule[]> {
  const paths = new Map<string, string>();
  for (const entry of await readdir(directory, { recursive: true })) {
    if (/\.ko(\.xz)?$/.test(entry)) paths.set(moduleName(entry), join(directory, entry));
  }
  const ordered = new Map<string, KernelModule>();
  const visiting = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    const path = paths.get(name);
    if (path === undefined || ordered.has(name) || visiting.has(name)) return;
    visiting.add(name);
    const data = await decompress(path);
    for (const dependency of moduleDependencies(data)) await visit(dependency);
    ordered.set(name, { name, data });
  };
  for (const name of wanted) await visit(name);
  return [...ordered.values()];
}

/** File names may have `-` where the module's name has `_`. */
function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_');
}

/** Names from `depends=` and from the `pre:` part of `softdep=`, in the order to load them. */
export function moduleDependencies(module: Uint8Array): string[] {
  const names: string[] = [];
  for (const field of modinfo(module)) {
    const [key = '', value = ''] = field.split(/=(.*)/s);
    if (key === 'depends') names.push(...value.split(','));
    if (key === 'softdep') names.unshift(...(/pre: ([^:]*?)(?: \w+:|$)/.exec(value)?.[1] ?? '').split(' '));
  }
  return names.filter((name) => name !== '').map((name) => name.replaceAll('-', '_'));
}

/** The strings of the `.modinfo` section of a 64-bit little-endian ELF object. */
function modinfo(module: Uint8Array): string[] {
  const bytes = Buffer.from(module.buffer, module.byteOffset, module.length);
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46) {
    throw new Error(`expected a kernel module (ELF), got ${bytes.length} bytes without its magic`);
  }
  const headersAt = Number(bytes.readBigUInt64LE(0x28));
  const sizeBytes = bytes.readUInt16LE(0x3a);
  const section = (index: number) => {
    const at = headersAt + index * sizeBytes;
    const offset = Number(bytes.readBigUInt64LE(at + 24));
    return {
      name: bytes.readUInt32LE(at),
      data: bytes.subarray(offset, offset + Number(bytes.readBigUInt64LE(at + 32))),
    };
  };
  const names = section(bytes.readUInt16LE(0x3e)).data;
  for (let index = 0; index < bytes.readUInt16LE(0x3c); index++) {
    const { name, data } = section(index);
    if (names.toString('latin1', name, names.indexOf(0, name)) === '.modinfo') {
      return data
        .toString('latin1')
        .split('\0')
        .filter((field) => field !== '');
    }
  }
  return [];
}
