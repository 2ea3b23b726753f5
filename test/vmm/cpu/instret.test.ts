/** minstret is exact: each retired instruction counts once, one that traps does not, whatever the core did meanwhile. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../../helpers/skip.js';
import { buildProgram, FREE_ADDRESS, PROGRAM_ADDRESS } from './program.js';
import { checkCases, ON_QEMU, record, runProgram, TRAP_RECORDER } from './run-program.js';
import { TestMachine } from './test-machine.js';

/** s2: the beginning of a page. */
const FREE = `li s2, ${FREE_ADDRESS + 0x1000}`;

/** a0 becomes the number of instructions that `code` retires. */
function counted(code: string): string {
  return `csrr s0, minstret; ${code}; csrr s1, minstret; sub a0, s1, s0; addi a0, a0, -1`;
}

if (ON_QEMU) {
  skipSuite('instret', 'QEMU counts time without -icount');
} else {
  const test = suite('instret');

  test('straight code, branches, jumps, memory and compressed instructions', () => {
    const rows: [string, string, number][] = [
      ['nothing', '', 0],
      ['one', 'nop', 1],
      ['compressed', 'c.nop; c.li a1, 3; nop', 3],
      ['a branch that is taken', 'beq zero, zero, 1f; nop; nop; 1:', 1],
      ['a branch that is not', 'bne zero, zero, 1f; nop; nop; 1:', 3],
      ['a jump', 'j 1f; nop; 1: nop', 2],
      ['a call', 'la t0, 1f; jalr t0; 1:', 3],
      ['a loop', 'li t0, 1000; 1: addi t0, t0, -1; bnez t0, 1b', 2001],
      ['a long loop', 'li t0, 100000; 1: addi t0, t0, -1; bnez t0, 1b', 200002],
      ['memory, across pages too', 'sd t0, 0(s2); ld t1, 0(s2); sd t0, -3(s2); ld t1, -3(s2)', 4],
      ['a device', 'li t0, 0x10000000; lbu t1, 5(t0); lbu t1, 5(t0)', 3],
      ['CSRs', 'csrr t0, mscratch; csrw mscratch, t0; csrr t0, mstatus; csrw mstatus, t0; csrr t0, time', 5],
      ['fences', 'fence; fence.i; sfence.vma', 3],
      ['atomics', 'lr.d t1, (s2); sc.d t2, t1, (s2); amoadd.d t1, t2, (s2)', 3],
      [
        'float',
        'li t0, 0x6000; csrs mstatus, t0; fcvt.d.w fa0, t0; fdiv.d fa1, fa0, fa0; fsqrt.d fa1, fa1',
        5,
      ],
      ['a write of mcycle', 'csrw mcycle, zero', 1],
    ];
    checkCases(
      rows.map(([name, code, expected]) => ({ name, code: counted(code), expected })),
      FREE,
    );
  });

  test('a trap does not count the instruction, but all of the handler', () => {
    const { records } = runProgram(`
      ${TRAP_RECORDER}
      la t0, handler
      csrw mtvec, t0
      csrr s0, minstret
      ecall
      csrr s1, minstret
      .word 0xffffffff
      csrr s2, minstret
      sub s2, s2, s1
      sub s1, s1, s0
      ${record('s1', 's2')}
      j exit
      .align 2
    handler:
      csrr t0, mepc
      addi t0, t0, 4
      csrw mepc, t0
      mret
    `);
    assert.equal(records, [5n, 5n]);
  });

  test('what is written is read by the next instruction, and counting goes on from there', () => {
    checkCases([
      { name: 'at once', code: 'li a1, 1000; csrw minstret, a1; csrr a0, minstret', expected: 1000 },
      { name: 'later', code: 'li a1, 1000; csrw minstret, a1; nop; nop; csrr a0, minstret', expected: 1002 },
      { name: 'instret', code: 'li a1, 7; csrw minstret, a1; csrr a0, instret', expected: 7 },
      {
        name: 'stopped',
        code: 'csrwi mcountinhibit, 4; csrwi minstret, 9; nop; csrr a0, minstret; csrwi mcountinhibit, 0',
        expected: 9,
      },
    ]);
  });

  test('slices, stops and moves to another core do not change the count', () => {
    const body = `li a1, 300000; csrw minstret, zero; 1: addi a1, a1, -1; bnez a1, 1b; csrr a0, minstret`;
    const { bytes } = buildProgram(body, 'ram');
    let machine = new TestMachine();
    machine.load(bytes);
    machine.core.pc = BigInt(PROGRAM_ADDRESS);
    for (let exits = 0; !machine.poweredOff; exits++) {
      if (exits % 3 === 0) machine.core.requestStop();
      machine.core.run(machine.now + 100);
      if (machine.poweredOff || exits % 5 !== 0) continue;
      const next = new TestMachine({ state: machine.core.save(), keepRam: true });
      next.now = machine.now;
      machine = next;
    }
    assert.is(machine.core.readX(10), 600000n);
  });

  test.run();
}
