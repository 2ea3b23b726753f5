/** Where a daemon listens: a unix socket of this host, or a name and port that is spoken to by TLS. Pure. */
export type Location =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'https'; readonly host: string; readonly port: number };

export const DEFAULT_LOCATION = 'unix:/run/baton/batond.sock';
const DEFAULT_PORT = 443;

export class LocationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LocationError';
  }
}

/** `unix:/path`, `/path`, or `https://name[:port]`. */
export function parseLocation(text: string): Location {
  const path = text.startsWith('unix:') ? text.slice('unix:'.length) : text;
  if (path.startsWith('/')) return { kind: 'unix', path };
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'https:' && url.hostname !== '' && url.pathname === '/' && url.search === '') {
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    return { kind: 'https', host, port: url.port === '' ? DEFAULT_PORT : Number(url.port) };
  }
  const hint = text.startsWith('http:') ? ': a daemon is spoken to by TLS only' : '';
  throw new LocationError(`expected unix:/PATH or https://NAME:PORT, got ${text}${hint}`);
}

export function formatLocation(location: Location): string {
  if (location.kind === 'unix') return `unix:${location.path}`;
  return `https://${authorityOf(location)}`;
}

export function authorityOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
