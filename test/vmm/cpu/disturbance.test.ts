/**
 * Random programs end in the same state however they are cut into slices, interrupted by timers, stopped, flushed,
 * or moved to another core: what the host and the interrupts do between instructions leaves no trace.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildProgram, PROGRAM_ADDRESS, RECORDS_ADDRESS } from './program.js';
import { Random } from './random.js';
import { RECORD_NAMES, randomPool, randomProgram, randomUnits } from './random-program.js';
import { TestMachine } from './test-machine.js';

const PROGRAMS = 12;
const UNITS = 150;
/** The core looks at the host every few thousand instructions: each program runs often, to be met at many places. */
const ROUNDS = 80;
const HANDLER_AREA = 0x80700000;
const ROUND_COUNTER = 0x80700100;

/** A handler for the software and the timer interrupt that uses, and puts back, two registers. */
const HANDLER = `
    j handler_end
    .align 2
  handler:
    csrrw x31, mscratch, x31
    sd x30, 0(x31)
    sd x29, 8(x31)
    ld x29, 16(x31)
    addi x29, x29, 1
    sd x29, 16(x31)
    li x30, 0x2000000           # msip off
    sw zero, 0(x30)
    rdtime x30
    addi x30, x30, 500
    csrw stimecmp, x30
    ld x30, 0(x31)
    ld x29, 8(x31)
    csrrw x31, mscratch, x31
    mret
  handler_end:
    li t0, ${HANDLER_AREA}
    sd zero, 16(t0)
    csrw mscratch, t0
    la t0, handler
    csrw mtvec, t0
    li t0, 1 << 63
    csrs menvcfg, t0
    li t0, 0x28                 # timer and software
    csrw mie, t0
    csrw stimecmp, zero
    csrsi mstatus, 8
`;

function programs(seed: number, before: string, after: string): Uint8Array {
  const texts = Array.from({ length: PROGRAMS }, (_, index) => {
    const random = new Random(seed + index);
    // An interrupt between lr and sc may make the sc fail.
    const units = randomUnits('everything', UNITS, random).filter((unit) => !unit.includes('lr.'));
    return `
      li t0, ${ROUND_COUNTER}
      li t1, ${ROUNDS}
      sd t1, 0(t0)
    again_${index}:
      ${randomProgram(units, random)}
      li t0, ${ROUND_COUNTER}
      ld t1, 0(t0)
      addi t1, t1, -1
      sd t1, 0(t0)
      beqz t1, 1f
      j again_${index}
    1:`;
  });
  return buildProgram([randomPool(new Random(seed)), before, ...texts, after].join('\n'), 'ram').bytes;
}

function start(image: Uint8Array): TestMachine {
  const machine = new TestMachine();
  machine.load(image);
  machine.core.pc = BigInt(PROGRAM_ADDRESS);
  return machine;
}

function recordsOf(machine: TestMachine): bigint[] {
  return Array.from({ length: PROGRAMS * ROUNDS * RECORD_NAMES.length }, (_, i) =>
    machine.dword(RECORDS_ADDRESS + 8 * i),
  );
}

const test = suite('disturbance');

const SEED = 77;
const NOTHING = 'nop\n'.repeat(20);

/** The same image, so that addresses in registers are the same, first left alone. */
function undisturbed(before: string): bigint[] {
  const quiet = before.replace('csrsi mstatus, 8', 'csrci mstatus, 8');
  const machine = start(programs(SEED, quiet, ''));
  machine.runToEnd();
  return recordsOf(machine);
}

function firstDifference(records: readonly bigint[], expected: readonly bigint[]): string {
  const index = records.findIndex((value, i) => value !== expected[i]);
  if (index < 0) return 'none';
  const run = Math.floor(index / RECORD_NAMES.length);
  const name = RECORD_NAMES[index % RECORD_NAMES.length];
  return `program ${Math.floor(run / ROUNDS)}, round ${run % ROUNDS}, ${name}: ${records[index]}, not ${expected[index]}`;
}

test('short slices, stop requests and flushes at any instruction', () => {
  const random = new Random(5);
  const machine = start(programs(SEED, NOTHING, ''));
  let exits = 0;
  while (!machine.poweredOff) {
    if (random.between(0, 3) === 0) machine.core.requestStop();
    machine.core.run(machine.now + random.between(0, 60));
    if (random.between(0, 7) === 0) machine.core.flushCode();
    if (random.between(0, 7) === 0)
      machine.core.flushCodeRange(PROGRAM_ADDRESS + 4096 * random.between(0, 30), 4096);
    exits += 1;
    assert.ok(exits < 1_000_000, 'the program ends');
  }
  assert.is(firstDifference(recordsOf(machine), undisturbed(NOTHING)), 'none');
});

test('a move to a new core at every exit', () => {
  const random = new Random(6);
  let machine = start(programs(SEED, NOTHING, ''));
  let moves = 0;
  while (!machine.poweredOff) {
    if (random.between(0, 1) === 0) machine.core.requestStop();
    machine.core.run(machine.now + 1);
    if (machine.poweredOff) break;
    const next = new TestMachine({ state: machine.core.save(), keepRam: true });
    next.now = machine.now;
    machine = next;
    moves += 1;
    assert.ok(moves < 100_000, 'the program ends');
  }
  assert.ok(moves > 100, `${moves} moves`);
  assert.is(firstDifference(recordsOf(machine), undisturbed(NOTHING)), 'none');
});

test('timer interrupts, and software interrupts at any exit', () => {
  const random = new Random(7);
  const machine = start(programs(SEED, HANDLER, 'csrci mstatus, 8'));
  let exits = 0;
  while (!machine.poweredOff) {
    if (random.between(0, 1) === 0) machine.core.requestStop();
    machine.core.setInterrupt('msip', true);
    machine.core.run(machine.now + 1);
    exits += 1;
    assert.ok(exits < 1_000_000, 'the program ends');
  }
  const interrupts = machine.dword(HANDLER_AREA + 16);
  assert.ok(interrupts > 100n, `${interrupts} interrupts`);
  assert.is(firstDifference(recordsOf(machine), undisturbed(HANDLER)), 'none');
});

test.run();
