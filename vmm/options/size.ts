/** Sizes as QEMU writes them: `512M`, `1.5G`, `0x1000`; a number alone is in the option's own unit. */

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
  e: 2 ** 60,
};

/** Bytes, or `null` when `text` is no size. `defaultUnit` is a key of the suffixes. */
export function parseSize(text: string, defaultUnit: 'b' | 'm'): number | null {
  const hex = /^0x([0-9a-f]+)$/i.exec(text);
  if (hex) return wholeBytes(Number.parseInt(hex[1] ?? '', 16) * (UNITS[defaultUnit] ?? 1));
  const match = /^(\d+(?:\.\d+)?)([bkmgtpe]?)$/i.exec(text);
  if (!match) return null;
  const unit = UNITS[(match[2] || defaultUnit).toLowerCase()] ?? 1;
  return wholeBytes(Number(match[1]) * unit);
}

function wholeBytes(bytes: number): number | null {
  return Number.isSafeInteger(Math.floor(bytes)) ? Math.floor(bytes) : null;
}
