/** Counts of what a device has done with its disk, by the names of `query-blockstats`. */

export type Operation = 'rd' | 'wr' | 'flush' | 'unmap';

interface Counts {
  operations: number;
  bytes: number;
  totalNs: number;
  failed: number;
  invalid: number;
}

export type BlockStats = Readonly<Record<Operation, Readonly<Counts>>> & { readonly highestWritten: number };

const none = (): Counts => ({ operations: 0, bytes: 0, totalNs: 0, failed: 0, invalid: 0 });

export class Accounting {
  readonly #counts = { rd: none(), wr: none(), flush: none(), unmap: none() };
  #highestWritten = 0;

  /** `startNs`: when it began, by `nowNs`. */
  done(operation: Operation, sizeBytes: number, startNs: number, isFailed = false): void {
    const counts = this.#counts[operation];
    counts.totalNs += this.nowNs() - startNs;
    if (isFailed) {
      counts.failed++;
      return;
    }
    counts.operations++;
    counts.bytes += sizeBytes;
  }

  wrote(endBytes: number): void {
    this.#highestWritten = Math.max(this.#highestWritten, endBytes);
  }

  invalid(operation: Operation): void {
    this.#counts[operation].invalid++;
  }

  stats(): BlockStats {
    const { rd, wr, flush, unmap } = this.#counts;
    const highestWritten = this.#highestWritten;
    return { rd: { ...rd }, wr: { ...wr }, flush: { ...flush }, unmap: { ...unmap }, highestWritten };
  }

  nowNs(): number {
    return Math.round(performance.now() * 1e6);
  }
}
