/**
 * Reads what a `.deb` says of itself, with dpkg-deb: its control fields, its maintainer scripts, its files and who
 * shall own them. Owners are names; which numbers they have is the guest's affair.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

const READ_DEADLINE_MS = 60_000;
const LISTING_BYTES = 16 * 1024 * 1024;
const env = { LC_ALL: 'C.UTF-8', TZ: 'UTC' };

export interface PackagedFile {
  /** Absolute, without a slash at its end; the root is `/.`, as dpkg has it. */
  readonly path: string;
  readonly type: string;
  readonly owner: string;
  readonly group: string;
}

export interface PackageArchive {
  readonly path: string;
  /** The control file as it is, ending in a newline. */
  readonly control: string;
  /** conffiles, md5sums, triggers, maintainer scripts … by name. */
  readonly parts: ReadonlyMap<string, { readonly data: Buffer; readonly isExecutable: boolean }>;
  readonly files: readonly PackagedFile[];
}

/** `scratch`: an empty folder, or one that does not exist yet. */
export async function readPackageArchive(path: string, scratch: string): Promise<PackageArchive> {
  await execa('dpkg-deb', ['--control', path, scratch], { timeout: READ_DEADLINE_MS });
  const parts = new Map<string, { data: Buffer; isExecutable: boolean }>();
  for (const name of (await readdir(scratch)).sort()) {
    const data = await readFile(join(scratch, name));
    parts.set(name, { data, isExecutable: data.toString('latin1', 0, 2) === '#!' || isElf(data) });
  }
  const control = `${parts.get('control')?.data.toString().trimEnd() ?? ''}\n`;
  parts.delete('control');
  const { stdout } = await execa('dpkg-deb', ['--contents', path], {
    timeout: READ_DEADLINE_MS,
    maxBuffer: LISTING_BYTES,
    env,
  });
  return { path, control, parts, files: stdout.split('\n').filter(Boolean).map(parseListing) };
}

function isElf(data: Buffer): boolean {
  return data.toString('latin1', 0, 4) === '\x7fELF';
}

/** A line of `tar -tv`: `-rwxr-sr-x root/shadow  97176 2025-04-19 12:00 ./usr/bin/chage`. */
export function parseListing(line: string): PackagedFile {
  const match = /^(\S)\S{9}\S* ([^/\s]+)\/(\S+) +(?:\d+|\d+,\d+) \S+ \S+ \.(\/.*)$/.exec(line);
  if (match === null) throw new Error(`expected a line of dpkg-deb --contents, got ${JSON.stringify(line)}`);
  const [, type = '', owner = '', group = '', rest = ''] = match;
  const name = rest.replace(type === 'l' ? / -> .*$/ : / link to .*$/, '');
  const path = name === '/' ? '/.' : name.replace(/\/$/, '');
  return { path, type, owner, group };
}

/** The value of a one-line field of a control file. */
export function controlField(control: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)$`, 'm').exec(control)?.[1];
}
