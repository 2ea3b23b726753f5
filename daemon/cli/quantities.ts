/** Durations and sizes as people write and read them. Pure. */
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const UNIT_MIB: Readonly<Record<string, number>> = { m: 1, mi: 1, mib: 1, g: 1024, gi: 1024, gib: 1024 };
const KIB = 1024;
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `500ms`, `30s`, `5m`, `1h`, `7d`; a bare number is seconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text);
  if (match === null) throw new Error('expected a duration such as 500ms, 30s, 5m, 2h or 7d.');
  return Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? 's'] ?? 1));
}

/** `512`, `512M`, `512MiB`, `2G`: MiB. */
export function parseMemory(text: string): number {
  const match = /^(\d+)\s*([a-z]*)$/i.exec(text);
  const unit = match?.[2] === '' ? 1 : UNIT_MIB[match?.[2]?.toLowerCase() ?? ''];
  const mib = Number(match?.[1]) * (unit ?? Number.NaN);
  if (Number.isInteger(mib) && mib > 0) return mib;
  throw new Error('expected a size of memory such as 512M or 2G (in MiB and GiB).');
}

export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.round((ms % 60_000) / 1_000)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d`;
}

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= KIB && unit < BYTE_UNITS.length - 1) {
    value /= KIB;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

export function formatMiB(mib: number): string {
  return mib >= KIB && mib % KIB === 0 ? `${mib / KIB} GiB` : `${mib} MiB`;
}

/** How long ago. */
export function formatAge(time: string, nowMs: number): string {
  const ms = Math.max(0, nowMs - Date.parse(time));
  if (ms < 1_000) return 'now';
  for (const [unit, size] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
  ] as const) {
    if (ms >= size) return `${Math.floor(ms / size)} ${unit} ago`;
  }
  return `${Math.floor(ms / 1_000)} s ago`;
}

/** As the clock on the wall of who reads: date and time, without its zone. */
export function formatTime(time: string): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
