/** What `workload disk` of a Debian guest says of its writes, on the consoles of all generations of a machine. */

export interface DiskLine {
  readonly writes: number;
  readonly verified: number;
  /** The longest time between two writes since the line before. */
  readonly gapMs: number;
}

const LINE = /^disk: writes=(\d+) verified=(\d+) gap_us=(\d+) max_gap_us=(\d+) (ok|BAD)$/;

/** Whether a whole line of the console is one of the guest's that are not its ticker's. */
export function isWorkLine(line: string): boolean {
  return LINE.test(line) || /^(disk: ended|guest:|echo:) \S.*$/.test(line);
}

/**
 * `consoles`: what each generation's console brought, oldest first; the last, unfinished line is left out. Throws when
 * the guest read back anything but what it had written, or its counts do not grow.
 */
export function readDisk(consoles: readonly string[]): DiskLine[] {
  const lines: DiskLine[] = [];
  for (const raw of consoles.join('').split('\n').slice(0, -1)) {
    const [line, writes, verified, gapUs, , verdict] = LINE.exec(raw.replace(/\r$/, '')) ?? [];
    if (line === undefined) continue;
    const next = { writes: Number(writes), verified: Number(verified), gapMs: Number(gapUs) / 1000 };
    const last = lines.at(-1);
    const grows = last === undefined || (next.writes > last.writes && next.verified > last.verified);
    if (verdict !== 'ok' || next.verified !== next.writes || !grows) {
      throw new Error(`expected every write to be read back intact, the guest says: ${line}`);
    }
    lines.push(next);
  }
  return lines;
}
