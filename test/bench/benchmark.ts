/** What a benchmark is, and what it brings back: measured values of two sides, and the goal for them. */
import type { Contender } from './contender.js';
import type { NodeProgram } from './other-node.js';

export interface BenchContext {
  /** Fewer runs: for a look while developing. */
  readonly short: boolean;
  /** A folder of the benchmark's own; short enough for sockets; removed afterwards. */
  readonly directory: string;
  /** A folder in memory (tmpfs) for guest RAM files; removed afterwards. */
  readonly memoryDirectory: string;
  readonly baton: Contender;
  /** What runs `baton`. */
  readonly node: NodeProgram;
  readonly qemu: Contender;
  log(line: string): void;
}

export interface Side {
  readonly name: string;
  readonly values: readonly number[];
}

/** How the subject shall compare with the reference, by their medians. */
export type Goal =
  | { readonly kind: 'ratio-at-most' | 'ratio-at-least'; readonly value: number }
  | { readonly kind: 'difference-at-most'; readonly value: number }
  | { readonly kind: 'p99-at-most'; readonly value: number };

export interface Comparison {
  readonly what: string;
  readonly unit: 'ms' | 'KiB' | 'MiB' | 'MiB/s' | 'MIPS' | 's';
  readonly subject: Side;
  readonly reference: Side | null;
  readonly goal: Goal | null;
}

export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  /** It makes network interfaces, so it is run in a network namespace of its own where that can be. */
  readonly ownNetwork?: true;
  run(context: BenchContext): Promise<Comparison[]>;
}
