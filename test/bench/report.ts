/** Turns comparisons into lines for people and into JSON for machines. */
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { Comparison, Goal } from './benchmark.js';
import { type Summary, summarize } from './statistics.js';

export interface ComparisonReport {
  readonly what: string;
  readonly unit: string;
  readonly subject: Summary & { readonly name: string };
  readonly reference: (Summary & { readonly name: string }) | null;
  readonly ratioOfMedians: number | null;
  readonly ratioOfP99s: number | null;
  readonly goal: string | null;
  readonly reached: boolean | null;
}

export interface MachineReport {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly loadAverage: string;
}

export function describeMachine(): MachineReport {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    loadAverage: readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' '),
  };
}

export function judge({ what, unit, subject, reference, goal }: Comparison): ComparisonReport {
  const measured = { name: subject.name, ...summarize(subject.values) };
  const against = reference === null ? null : { name: reference.name, ...summarize(reference.values) };
  return {
    what,
    unit,
    subject: measured,
    reference: against,
    ratioOfMedians: against === null ? null : measured.median / against.median,
    ratioOfP99s: against === null ? null : measured.p99 / against.p99,
    goal: goal === null ? null : describeGoal(goal, unit),
    reached: goal === null ? null : isReached(goal, measured, against),
  };
}

function describeGoal({ kind, value }: Goal, unit: string): string {
  if (kind === 'ratio-at-most') return `≤ ${value} ×`;
  if (kind === 'ratio-at-least') return `≥ ${value} ×`;
  if (kind === 'difference-at-most') return `≤ + ${value} ${unit}`;
  return `p99 ≤ ${value} ${unit}`;
}

function isReached({ kind, value }: Goal, subject: Summary, reference: Summary | null): boolean {
  if (kind === 'p99-at-most') return subject.p99 <= value;
  if (reference === null) throw new Error(`expected a reference for a goal of kind ${kind}`);
  if (kind === 'difference-at-most') return subject.median - reference.median <= value;
  const ratio = subject.median / reference.median;
  return kind === 'ratio-at-most' ? ratio <= value : ratio >= value;
}

const number = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2));

/** Three lines or fewer per comparison: what, both sides, ratio and goal. */
export function render(report: ComparisonReport): string {
  const side = ({ name, count, median, p99, max }: Summary & { name: string }) =>
    `  ${name.padEnd(24)} median ${number(median).padStart(7)}  p99 ${number(p99).padStart(7)}  ` +
    `max ${number(max).padStart(7)} ${report.unit}  (${count} runs)`;
  const lines = [report.what, side(report.subject)];
  if (report.reference !== null) lines.push(side(report.reference));
  const verdict: string[] = [];
  if (report.ratioOfMedians !== null) verdict.push(`ratio ${report.ratioOfMedians.toFixed(2)} ×`);
  if (report.ratioOfP99s !== null) verdict.push(`p99 ${report.ratioOfP99s.toFixed(2)} ×`);
  if (report.goal !== null) verdict.push(`goal ${report.goal}: ${report.reached ? 'reached' : 'MISSED'}`);
  if (verdict.length > 0) lines.push(`  → ${verdict.join(', ')}`);
  return lines.join('\n');
}
