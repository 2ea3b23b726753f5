/** Exceptions: cause, mepc and mtval of each, what a faulting instruction leaves undone, vectored handlers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { attempt, enter, OPEN_MEMORY } from './modes.js';
import { checkCases, FREE_ADDRESS, ON_QEMU, record, runProgram, TRAP_RECORDER } from './run-program.js';

/** No memory and no device is here. */
const NOTHING = 0x60000;
const BEHIND_RAM = 0x90000000;

const test = suite('exceptions');

test('illegal instructions report their own bits', () => {
  const words: [string, bigint][] = [
    ['.word 0xffffffff', 0xffffffffn],
    ['.word 0x00000057', 0x57n],
    ['.word 0x0000007b', 0x7bn],
    ['.word 0x0000102b', 0x102bn],
    ['.word 0x7e000033', 0x7e000033n],
    ['.half 0x9c41', 0x9c41n],
    ['.half 0', 0n],
  ];
  for (const [instruction, bits] of words) {
    assert.equal(attempt({ mode: 'm', instruction }), { mcause: 2n, mtval: bits, offset: 0n }, instruction);
  }
});

test('reserved encodings of known opcodes are illegal', () => {
  const words: [string, string][] = [
    ['load with funct3 7', '0x00007003'],
    ['store with funct3 4', '0x00004023'],
    ['branch with funct3 2', '0x00002063'],
    ['jalr with funct3 1', '0x00001067'],
    ['slli with bit 26', '0x04001013'],
    ['slliw with shamt 32', '0x0200101b'],
    ['srai with bit 31', '0xc0005013'],
    ['op with funct7 2', '0x04000033'],
    ['op-32 with funct3 2', '0x0000203b'],
    ['op-imm-32 with funct3 2', '0x0000201b'],
    ['amo with funct3 0', '0x0000002f'],
    ['amo with funct5 5', '0x2800202f'],
    ['lr with rs2', '0x1010202f'],
    ['system with funct3 4', '0x00004073'],
    ['ecall with rd', '0x000000f3'],
    ['mret with rs1', '0x30208073'],
    ['misc-mem with funct3 3', '0x0000300f'],
  ];
  for (const [name, word] of words)
    assert.is(attempt({ mode: 'm', instruction: `.word ${word}` })?.mcause, 2n, name);
});

test('ebreak reports its address or nothing', () => {
  for (const instruction of ['ebreak', 'c.ebreak; c.nop']) {
    const trap = attempt({ mode: 's', instruction });
    assert.is(trap?.mcause, 3n);
    assert.is(trap?.offset, 0n);
    assert.ok(trap?.mtval === 0n || (trap?.mtval ?? 0n) >= 0x80000000n);
  }
});

test('accesses to nothing are access faults with the address', () => {
  const rows: [string, bigint][] = [
    ['lb a0, 0(a1)', 5n],
    ['lw a0, 0(a1)', 5n],
    ['ld a0, 0(a1)', 5n],
    ['lr.d a0, (a1)', 5n],
    ['sb a0, 0(a1)', 7n],
    ['sd a0, 0(a1)', 7n],
    ['amoadd.w a0, a2, (a1)', 7n],
    ['amoswap.d a0, a2, (a1)', 7n],
    ['flw fa0, 0(a1)', 5n],
    ['fsd fa0, 0(a1)', 7n],
  ];
  for (const address of [NOTHING, BEHIND_RAM, 0x8000000000n]) {
    for (const [instruction, mcause] of rows) {
      const prepare = `li a1, ${address}; li t0, 0x6000; csrs mstatus, t0`;
      const expected = { mcause, mtval: BigInt(address), offset: 0n };
      assert.equal(attempt({ mode: 'm', prepare, instruction }), expected, `${instruction} at ${address}`);
    }
  }
});

test('jumps to nothing are fetch faults at the target', () => {
  for (const address of [NOTHING, BEHIND_RAM]) {
    const { records } = runProgram(`
      ${TRAP_RECORDER}
      la s10, after
      li a1, ${address}
      jr a1
    after:
    `);
    assert.equal(records, [1n, BigInt(address), BigInt(address)]);
  }
});

test('a faulting instruction changes no register and no memory', () => {
  const { records } = runProgram(`
    ${TRAP_RECORDER}
    li a1, ${NOTHING}
    li a0, 7
    la s10, 1f
    lw a0, 0(a1)
  1:
    ${record('a0')}
    la s10, 2f
    amoadd.w a0, a0, (a1)
  2:
    ${record('a0')}
    la s10, 3f
    lw a1, 0(a1)
  3:
    ${record('a1')}
    la s10, 4f
    li a0, 7
    csrrw a0, 0x7c0, a0
  4:
    ${record('a0')}
  `);
  assert.equal([records[3], records[7], records[11], records[15]], [7n, 7n, BigInt(NOTHING), 7n]);
});

test('an access that begins in RAM and ends behind it stores nothing', () => {
  if (ON_QEMU) return;
  const end = 0x80000000 + 8 * 1024 * 1024;
  const { records } = runProgram(`
    ${TRAP_RECORDER}
    li a1, ${end - 4}
    sw zero, 0(a1)
    li a0, -1
    la s10, 1f
    sd a0, 0(a1)
  1:
    lw a0, 0(a1)
    ${record('a0')}
  `);
  assert.equal(records, [7n, records[1], BigInt(end), 0n]);
});

test('exceptions go to the base of a vectored handler', () => {
  const { records } = runProgram(`
    la t0, table
    addi t0, t0, 1              # vectored
    csrw mtvec, t0
    ebreak
    .balign 256
  table:
    j 1f
    .zero 60
  1:
    li a0, 1
    ${record('a0')}
  `);
  assert.equal(records, [1n]);
});

test('a handler may be at any multiple of 4 and a trap inside a handler replaces the first', () => {
  const { records } = runProgram(`
    la t0, first
    csrw mtvec, t0
    ecall
    .align 2
    nop
  first:
    la t0, second
    csrw mtvec, t0
    ebreak
    .align 2
  second:
    csrr a0, mcause
    csrr a1, mstatus
    srli a1, a1, 11
    andi a1, a1, 3
    ${record('a0', 'a1')}
  `);
  assert.equal(records, [3n, 3n]);
});

test('delegated exceptions carry their values to S', () => {
  const { records, symbols } = runProgram(`
    ${TRAP_RECORDER}
    ${OPEN_MEMORY}
    la s10, after
    li t0, 0xb1ff
    csrw medeleg, t0
    la t0, handler
    csrw stvec, t0
    li a1, ${NOTHING}
    ${enter('u', 'user')}
  user:
    lw a0, 4(a1)
    .word 0xffffffff
    sw a0, 8(a1)
    ecall
    .align 2
  handler:
    csrr a2, scause
    csrr a3, sepc
    csrr a4, stval
    ${record('a2', 'a3', 'a4')}
    addi a3, a3, 4
    csrw sepc, a3
    li a5, 8
    bne a2, a5, 1f
    ecall                       # from S: to M, cause 9 is not delegated
  1: sret
  after:
  `);
  const user = symbols.get('user') as bigint;
  const expected = [
    5n,
    user,
    0x60004n,
    2n,
    user + 4n,
    0xffffffffn,
    7n,
    user + 8n,
    0x60008n,
    8n,
    user + 12n,
    0n,
  ];
  assert.equal(records.slice(0, 12), expected);
  assert.is(records[12], 9n);
});

const selfModifying = suite('self-modifying code');

selfModifying('new code runs after fence.i', () => {
  const code = 'la a1, 1f; li a2, 0x00200513; sw a2, 0(a1); fence.i; 1: li a0, 1';
  checkCases([{ name: 'li a0, 2 over li a0, 1', code, expected: 2 }]);
});

selfModifying('code that already ran changes at the fence, in its own and in another page', () => {
  for (const distance of [0, 0x3000]) {
    const { records } = runProgram(`
      la a1, patched
      jalr a1
      ${record('a0')}
      li a2, 0x00200513         # li a0, 2
      sw a2, 0(a1)
      fence.i
      jalr a1
      ${record('a0')}
      li a2, 0x450d             # c.li a0, 3, then c.nop
      sh a2, 0(a1)
      li a2, 0x0001
      sh a2, 2(a1)
      fence.i
      jalr a1
      ${record('a0')}
      j exit
      .zero ${distance}
    patched:
      li a0, 1
      ret
    `);
    assert.equal(records, [1n, 2n, 3n], `distance ${distance}`);
  }
});

selfModifying('a loop that rewrites its own body sees every version', () => {
  const { records } = runProgram(`
      li s0, 0                  # number of the round
      li s1, 0                  # sum
      la a1, body_instruction
      li a2, 0x00000513         # li a0, 0
    round:
      slli a3, s0, 20
      add a3, a3, a2
      sw a3, 0(a1)
      fence.i
    body_instruction:
      li a0, 0
      add s1, s1, a0
      addi s0, s0, 1
      li a4, 500
      bne s0, a4, round
      ${record('s1')}
  `);
  assert.equal(records, [(499n * 500n) / 2n]);
});

selfModifying('copied code runs at its new place', () => {
  const { records } = runProgram(`
      la a1, original
      la a2, original_end
      li a3, ${FREE_ADDRESS + 0x1ffe}
    1: lhu a4, 0(a1)
      sh a4, 0(a3)
      addi a1, a1, 2
      addi a3, a3, 2
      bltu a1, a2, 1b
      fence.i
      li a0, 5
      li a3, ${FREE_ADDRESS + 0x1ffe}
      jalr a3
      ${record('a0')}
      j exit
    original:
      addi a0, a0, 1            # lies across two pages in the copy
      slli a0, a0, 3
      ret
    original_end:
  `);
  assert.equal(records, [48n]);
});

test.run();
selfModifying.run();
