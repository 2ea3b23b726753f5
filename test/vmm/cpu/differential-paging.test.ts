/** Random changes of page tables and accesses through them: each must end on our core as it does on QEMU. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../../helpers/skip.js';
import { findQemu, runProgramOnQemu } from './qemu.js';
import { Random } from './random.js';
import { RECORDS_PER_UNIT, randomPagingBody, randomPagingUnits } from './random-paging.js';
import { ON_QEMU, runProgram } from './run-program.js';

const UNITS = 3000;
const SEED = Number(process.env.BATON_SEED ?? 1);

const hex = (values: readonly bigint[]) => values.map((value) => `0x${value.toString(16)}`).join(' ');

const qemu = findQemu();
if ('missing' in qemu) {
  skipSuite('differential paging', qemu.missing);
} else if (ON_QEMU) {
  skipSuite('differential paging', 'BATON_CPU_ORACLE=qemu would compare QEMU with itself');
} else {
  const test = suite('differential paging');

  test('random accesses through random page tables end alike on our core and on QEMU', () => {
    const units = randomPagingUnits(UNITS, new Random(SEED));
    const body = randomPagingBody(units);
    const ours = runProgram(body).records;
    const theirs = runProgramOnQemu(qemu.argv, body).records;
    const index = ours.findIndex((value, i) => value !== theirs[i]);
    if (index >= 0) {
      const unit = Math.floor(index / RECORDS_PER_UNIT);
      const slice = (records: readonly bigint[]) => hex(records.slice(3 * unit, 3 * unit + 3));
      throw new Error(
        `seed ${SEED}, unit ${unit}: ours ${slice(ours)}, QEMU ${slice(theirs)}\n${units[unit]}`,
      );
    }
    assert.is(ours.length, theirs.length);
    const faults = ours.filter((value, i) => i % RECORDS_PER_UNIT === 0 && value >= 12n).length;
    assert.ok(faults > UNITS / 10 && faults < (UNITS * 2) / 3, `${faults} page faults in ${UNITS} units`);
  });

  test.run();
}
