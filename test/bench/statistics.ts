/** Percentiles of measured values, by the nearest-rank method: each is a value that was really measured. */

export interface Summary {
  readonly count: number;
  readonly min: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/** `fraction` of 0 gives the smallest value, of 1 the largest. */
export function percentile(values: readonly number[], fraction: number): number {
  if (values.length === 0) throw new RangeError('expected at least one value to take a percentile of');
  const sorted = [...values].sort((left, right) => left - right);
  const rank = Math.max(1, Math.ceil(fraction * sorted.length));
  return sorted[rank - 1] as number;
}

export function summarize(values: readonly number[]): Summary {
  return {
    count: values.length,
    min: percentile(values, 0),
    median: percentile(values, 0.5),
    p99: percentile(values, 0.99),
    max: percentile(values, 1),
  };
}
