/** Reads the text format of Prometheus, strictly, and finds what its linter would. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text);
    if (match === null) throw new Error(`expected labels, got ${text}`);
    labels[match[1] ?? ''] = match[2] ?? '';
  }
  return labels;
}

function numberOf(text: string): number {
  const value = text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text);
  if (Number.isNaN(value) && text !== 'NaN' && text !== 'Nan')
    throw new Error(`expected a number, got ${text}`);
  return value;
}

/** Throws at whatever is not as it must be. */
export function parseMetrics(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('expected a line break at the end');
  const families = new Map<string, Family>();
  let help: { name: string; text: string } | null = null;
  let family: Family | null = null;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      help = { name, text: rest };
    } else if (keyword === 'TYPE') {
      if (help?.name !== name || families.has(name)) throw new Error(`HELP and TYPE of ${name} do not fit`);
      family = { name, type: rest, help: help.text, samples: [] };
      families.set(name, family);
    } else {
      const [, sample = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
      const names = (SUFFIXES[family?.type ?? ''] ?? ['']).map((suffix) => `${family?.name}${suffix}`);
      if (!names.includes(sample)) throw new Error(`a sample outside of its family: ${line}`);
      family?.samples.push({ name: sample, labels: labelsOf(labels), value: numberOf(value) });
    }
  }
  return families;
}

/** Sentences; none when all is well. */
export function lintMetrics(families: ReadonlyMap<string, Family>): string[] {
  return [...families.values()].flatMap(({ name, type, help, samples }) => [
    ...(NAME.test(name) && name === name.toLowerCase() ? [] : [`${name} is no good name`]),
    ...(help.length > 0 ? [] : [`${name} has no help`]),
    ...(type === 'counter' && !name.endsWith('_total') ? [`counter ${name} does not end in _total`] : []),
    ...(type !== 'counter' && name.endsWith('_total') ? [`${name} ends in _total and is a ${type}`] : []),
    ...(/_(ms|milliseconds|us|microseconds|minutes|kb|mb|kib|mib|percent)(_|$)/.test(name)
      ? [`${name} is in no base unit`]
      : []),
    ...(type === 'histogram' ? lintBuckets(name, samples) : []),
    ...duplicates(samples).map((sample) => `${sample} is there twice`),
  ]);
}

function duplicates(samples: readonly Sample[]): string[] {
  const seen = samples.map(({ name, labels }) => `${name}${JSON.stringify(labels)}`);
  return seen.filter((sample, index) => seen.indexOf(sample) !== index);
}

function lintBuckets(name: string, samples: readonly Sample[]): string[] {
  const series = new Map<string, number[]>();
  for (const { name: sample, labels, value } of samples) {
    if (sample !== `${name}_bucket`) continue;
    const { le: _, ...rest } = labels;
    const key = JSON.stringify(rest);
    series.set(key, [...(series.get(key) ?? []), value]);
  }
  return [...series].flatMap(([key, counts]) =>
    counts.every((count, index) => count >= (counts[index - 1] ?? 0))
      ? []
      : [`buckets of ${name}${key} fall`],
  );
}

/** Of the sample that has these labels; null: there is none. */
export function valueIn(
  families: ReadonlyMap<string, Family>,
  sample: string,
  labels: Readonly<Record<string, string>> = {},
): number | null {
  const found = [...families.values()]
    .flatMap(({ samples }) => samples)
    .find(
      (one) =>
        one.name === sample && Object.entries(labels).every(([name, value]) => one.labels[name] === value),
    );
  return found?.value ?? null;
}
