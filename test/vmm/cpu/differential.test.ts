/**
 * The same random programs on our core and on QEMU: all registers, fcsr and memory must be equal at the end of each.
 * One QEMU runs all programs of a group. A difference is narrowed down to the first unit that makes it.
 * `BATON_SEED=n` tries other programs.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../../helpers/skip.js';
import { findQemu, runProgramOnQemu } from './qemu.js';
import { Random } from './random.js';
import { GROUPS, RECORD_NAMES, randomPool, randomProgram, randomUnits } from './random-program.js';
import { ON_QEMU, runProgram } from './run-program.js';

const PROGRAMS_PER_GROUP = 40;
const UNITS_PER_PROGRAM = 250;
const SEED = Number(process.env.BATON_SEED ?? 1);

interface Planned {
  readonly seed: number;
  readonly units: readonly string[];
}

function plan(group: string, seed: number): Planned {
  return { seed, units: randomUnits(group, UNITS_PER_PROGRAM, new Random(seed)) };
}

function body(programs: readonly Planned[]): string {
  const texts = programs.map(({ seed, units }) => randomProgram(units, new Random(seed + 1)));
  return [randomPool(new Random(SEED)), ...texts].join('\n');
}

/** Names and values of what differs, or an empty list. */
function differences(ours: readonly bigint[], theirs: readonly bigint[]): string[] {
  return ours.flatMap((value, index) => {
    const other = theirs[index];
    if (value === other) return [];
    return [`${RECORD_NAMES[index]}: ours 0x${value.toString(16)}, QEMU 0x${other?.toString(16)}`];
  });
}

/** The shortest prefix of a program's units that ends differently, by bisection. */
function narrow(argv: readonly string[], { seed, units }: Planned): string {
  const differ = (length: number) => {
    const text = body([{ seed, units: units.slice(0, length) }]);
    return differences(runProgram(text).records, runProgramOnQemu(argv, text).records);
  };
  let same = 0;
  let different = units.length;
  while (different - same > 1) {
    const middle = (same + different) >> 1;
    if (differ(middle).length > 0) different = middle;
    else same = middle;
  }
  const before = units.slice(Math.max(0, different - 4), different);
  return `after unit ${different}: ${before.join('  |  ')}\n${differ(different).join('\n')}`;
}

const qemu = findQemu();
if ('missing' in qemu) {
  skipSuite('differential', qemu.missing);
} else if (ON_QEMU) {
  skipSuite('differential', 'BATON_CPU_ORACLE=qemu would compare QEMU with itself');
} else {
  const test = suite('differential');

  for (const group of Object.keys(GROUPS)) {
    test(`${group}: random programs end alike on our core and on QEMU`, () => {
      const programs = Array.from({ length: PROGRAMS_PER_GROUP }, (_, i) => plan(group, SEED * 1000 + i));
      const text = body(programs);
      const ours = runProgram(text).records;
      const theirs = runProgramOnQemu(qemu.argv, text).records;
      const size = RECORD_NAMES.length;
      assert.is(ours.length, PROGRAMS_PER_GROUP * size);
      assert.is(theirs.length, ours.length);
      const slice = (records: readonly bigint[], index: number) =>
        records.slice(index * size, (index + 1) * size);
      const failed = programs.find(
        (_, index) => differences(slice(ours, index), slice(theirs, index)).length > 0,
      );
      if (failed !== undefined) throw new Error(`seed ${failed.seed}, ${narrow(qemu.argv, failed)}`);
    });
  }

  test.run();
}
