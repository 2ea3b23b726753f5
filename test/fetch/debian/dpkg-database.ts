/**
 * The database of a dpkg that has unpacked packages and not configured them, so that `dpkg --configure -a` in the
 * guest does the rest. No preinst has run: on a system that never was, those of `packages.ts` only look for remains
 * of older versions.
 */
import { createHash } from 'node:crypto';
import { controlField, type PackageArchive } from './package-archive.js';

export interface DatabaseFile {
  /** Below /var/lib/dpkg. */
  readonly name: string;
  readonly data: string | Buffer;
  readonly mode: number;
}

/** `conffile` answers with the content of one, by its absolute path. */
export function dpkgDatabase(
  archives: readonly PackageArchive[],
  conffile: (path: string) => Buffer,
): DatabaseFile[] {
  const file = (name: string, data: string | Buffer, mode = 0o644): DatabaseFile => ({ name, data, mode });
  return [
    file('status', archives.map((archive) => statusStanza(archive, conffile)).join('\n')),
    file('available', ''),
    file('diversions', ''),
    file('statoverride', ''),
    file('info/format', '1\n'),
    ...archives.flatMap((archive) => {
      const stem = `info/${infoName(archive.control)}`;
      const list = archive.files.map(({ path }) => `${path}\n`).join('');
      const parts = [...archive.parts].map(([name, { data, isExecutable }]) =>
        file(`${stem}.${name}`, data, isExecutable ? 0o755 : 0o644),
      );
      return [file(`${stem}.list`, list), ...parts];
    }),
    ...triggerFiles(archives),
  ];
}

/** A package that may be installed for several architectures at once has its own in the names of its files. */
function infoName(control: string): string {
  const name = controlField(control, 'Package') ?? '';
  if (controlField(control, 'Multi-Arch') !== 'same') return name;
  return `${name}:${controlField(control, 'Architecture')}`;
}

function statusStanza({ control, parts }: PackageArchive, conffile: (path: string) => Buffer): string {
  const [first = '', ...rest] = control.trimEnd().split('\n');
  const lines = [first, 'Status: install ok unpacked', ...rest];
  const names = (parts.get('conffiles')?.data.toString() ?? '')
    .split('\n')
    .filter((line) => line.startsWith('/'));
  if (names.length > 0) {
    const hash = (path: string) => createHash('md5').update(conffile(path)).digest('hex');
    lines.push('Conffiles:', ...names.map((path) => ` ${path} ${hash(path)}`));
  }
  return `${lines.join('\n')}\n`;
}

/** Who is to be told of what: a file for each named trigger, and one for all paths. */
function triggerFiles(archives: readonly PackageArchive[]): DatabaseFile[] {
  const interests = new Map<string, string[]>();
  const paths: string[] = [];
  for (const { control, parts } of archives) {
    const text = parts.get('triggers')?.data.toString() ?? '';
    for (const [, wait = '', name = ''] of text.matchAll(/^interest(-noawait|-await|) +(\S+) *$/gm)) {
      const suffix = wait === '-noawait' ? '/noawait' : '';
      const interested = `${infoName(control)}${suffix}`;
      if (name.startsWith('/')) paths.push(`${name} ${interested}\n`);
      else interests.set(name, [...(interests.get(name) ?? []), `${interested}\n`]);
    }
  }
  const file = (name: string, data: string): DatabaseFile => {
    return { name: `triggers/${name}`, data, mode: 0o644 };
  };
  return [
    file('File', paths.join('')),
    file('Unincorp', ''),
    ...[...interests].map(([name, lines]) => file(name, lines.join(''))),
  ];
}
