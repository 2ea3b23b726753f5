/**
 * Reads apt's own source lists (one-line `.list` and deb822 `.sources`) and derives from the machine's
 * Debian source a source for other suites of the same archive: same URIs, same keyring, same options.
 * So the trust decision stays the machine's, and no server is named here.
 */

export interface AptSource {
  readonly types: readonly string[];
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Everything else (Signed-By, Trusted, …) under its deb822 name in lower case; kept verbatim. */
  readonly options: Readonly<Record<string, string>>;
  readonly enabled: boolean;
}

const SUITE = /^(stable|oldstable|oldoldstable|testing|unstable|sid|bullseye|bookworm|trixie|forky|duke)$/;
const ARCHIVE_KEYRING = /debian-archive/;
/** Options that we set ourselves, so the machine's are dropped. */
const OURS = new Set(['architectures', 'languages', 'targets', 'types', 'uris', 'suites', 'components']);

const words = (text: string | undefined) => (text ?? '').split(/\s+/).filter((word) => word !== '');

/** One-line format: `deb [option=value …] uri suite component…`. */
export function parseOneLine(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.replace(/#.*$/, '').trim();
    const match = /^(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$/.exec(line);
    if (match === null) continue;
    const [, type = '', optionText, uri = '', suite = '', components] = match;
    const options: Record<string, string> = {};
    for (const option of words(optionText)) {
      const [key = '', value = ''] = option.split(/[+-]?=(.*)/s);
      options[ONE_LINE_NAMES[key.toLowerCase()] ?? key.toLowerCase()] = value.replaceAll(',', ' ');
    }
    sources.push({
      types: [type],
      uris: [uri],
      suites: [suite],
      components: words(components),
      options,
      enabled: true,
    });
  }
  return sources;
}

const ONE_LINE_NAMES: Readonly<Record<string, string>> = {
  arch: 'architectures',
  lang: 'languages',
  target: 'targets',
};

/** deb822 format: stanzas of `Field: value`, continued by indented lines; `#` lines are comments. */
export function parseDeb822(text: string): AptSource[] {
  const sources: AptSource[] = [];
  const uncommented = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');
  for (const stanza of uncommented.split(/\n[ \t]*\n/)) {
    const fields = parseStanza(stanza);
    if (fields.types === undefined || fields.uris === undefined) continue;
    const { types, uris, suites, components, enabled, ...options } = fields;
    sources.push({
      types: words(types),
      uris: words(uris),
      suites: words(suites),
      components: words(components),
      options,
      enabled: !/^(no|false|0|off|without|disable)$/i.test((enabled ?? 'yes').trim()),
    });
  }
  return sources;
}

function parseStanza(stanza: string): Record<string, string> {
  const fields: Record<string, string> = {};
  let last: string | undefined;
  for (const line of stanza.split('\n')) {
    const field = /^([A-Za-z0-9-]+):[ \t]*(.*)$/.exec(line);
    if (field !== null) {
      last = (field[1] ?? '').toLowerCase();
      fields[last] = field[2] ?? '';
    } else if (last !== undefined && /^[ \t]/.test(line)) {
      fields[last] += `\n${line}`;
    }
  }
  return fields;
}

/** The machine's source of Debian itself among all its sources; `undefined` when it has none. */
export function findDebianSource(sources: readonly AptSource[]): AptSource | undefined {
  const rank = (source: AptSource) => {
    if (ARCHIVE_KEYRING.test(source.options['signed-by'] ?? '')) return 0;
    return source.uris.some((uri) => /\/debian\/?$/.test(uri)) ? 1 : 2;
  };
  return sources
    .filter((source) => source.enabled && source.types.includes('deb'))
    .filter((source) => source.components.includes('main'))
    .filter((source) => source.suites.some((suite) => SUITE.test(suite)))
    .sort((left, right) => rank(left) - rank(right))[0];
}

/** What of an archive is listed: binary packages, or the sources that they were built from. */
export type PackageKind = 'binary' | 'source';

/** A deb822 source for other suites of the same archive. */
export function renderSource(
  source: AptSource,
  suites: readonly string[],
  architecture: string,
  kind: PackageKind = 'binary',
): string {
  const lines = [
    `Types: ${kind === 'binary' ? 'deb' : 'deb-src'}`,
    `URIs: ${source.uris.join(' ')}`,
    `Suites: ${suites.join(' ')}`,
    'Components: main',
    `Architectures: ${architecture}`,
    'Languages: none',
    `Targets: ${kind === 'binary' ? 'Packages' : 'Sources'}`,
  ];
  for (const [name, value] of Object.entries(source.options)) {
    if (!OURS.has(name)) lines.push(`${name}: ${value}`);
  }
  return `${lines.join('\n')}\n`;
}
