/**
 * `npm run soak -- debian [--upgrades N]`: a whole Debian at work goes from one baton-vmm to the next, by cpr-transfer
 * and cpr-exec in turn. Ends at the first thing that is not as it must be, and reports what was measured.
 */
import { BATON } from '../bench/contender.js';
import { percentile } from '../bench/statistics.js';
import { DebianStage, type UpgradeFigures } from '../e2e/debian-stage.js';

const TELL_EVERY = 10;

function line(what: string, values: readonly number[], unit = 'ms'): string {
  if (values.length === 0) return `${what}: none`;
  const at = (fraction: number) => percentile(values, fraction).toFixed(1);
  return `${what}: median ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)} ${unit} (${values.length})`;
}

function report(stage: DebianStage): void {
  const { figures } = stage;
  for (const mode of ['cpr-transfer', 'cpr-exec'] as const) {
    const of = (pick: (figure: UpgradeFigures) => number) =>
      figures.filter((figure) => figure.mode === mode).map(pick);
    console.log(
      line(
        `pause of ${mode}, by the VMMs' events`,
        of(({ pauseMs }) => pauseMs),
      ),
    );
    console.log(
      line(
        `longest gap of ssh around ${mode}`,
        of(({ sshGapMs }) => sshGapMs),
      ),
    );
    console.log(
      line(
        `longest gap of TCP around ${mode}`,
        of(({ tcpGapMs }) => tcpGapMs),
      ),
    );
  }
  console.log(line('128 KiB written and synced in the guest', stage.session.writesMs));
  const offsets = figures.map(({ clock }) => Math.abs(clock.leastMs + clock.mostMs) / 2);
  console.log(line('the clock of the guest beside that of the host', offsets));
  const { tick, sql, disk, memory } = stage.session.counts;
  console.log(
    `${tick} ticks, ${sql} commits, ${disk} files, ${memory} times all memory, ${stage.session.screens} screens`,
  );
}

/** Resolves with the exit code. */
export async function soakDebian(upgrades: number): Promise<number> {
  const startedAt = performance.now();
  const stage = await DebianStage.open(BATON);
  let violation: unknown = null;
  try {
    const bootS = (performance.now() - startedAt) / 1000;
    console.log(`Debian works after ${bootS.toFixed(0)} s; ${upgrades} upgrades follow`);
    for (let done = 1; done <= upgrades; done++) {
      await stage.upgrade(done % 2 === 1 ? 'cpr-transfer' : 'cpr-exec');
      if (done % TELL_EVERY === 0) console.log(`${done} upgrades`);
    }
    const speed = await stage.finish();
    console.log(`the transfer's digest is right, ${speed.toFixed(2)} MB/s; the disk is clean`);
  } catch (error) {
    violation = error;
  } finally {
    report(stage);
    await stage.close();
  }
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  console.log(
    `${stage.figures.length} upgrades in ${minutes} min, ${violation === null ? 'no' : 'one'} violation`,
  );
  if (violation !== null) console.log(`VIOLATION: ${(violation as Error).stack}`);
  return violation === null ? 0 : 1;
}
