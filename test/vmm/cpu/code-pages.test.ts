import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Core, loadCore } from '../../../vmm/cpu/core.js';
import { POOL_PAGES, RAM_BASE, RAM_OFFSET, wasmPages } from '../../../vmm/cpu/memory-map.js';
import { CPU_RESET } from '../../../vmm/cpu/state.js';
import { assemble } from '../../asm/assemble.js';

const RAM_BYTES = 16 * 1024 * 1024;
const PAGE_BYTES = 4096;
const DEVICE = 0x10000000;
const A0 = 10;
const A1 = 11;

const module = loadCore();
const pages = wasmPages(RAM_BYTES);
const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
const ram = new Uint8Array(memory.buffer, RAM_OFFSET, RAM_BYTES);

/** A core in M-mode at the start of `source`, with one device register and the host's clock. */
function start(source: string): Core {
  ram.fill(0);
  ram.set(assemble(source, { origin: RAM_BASE }).bytes);
  const host = {
    mmioRead: () => 0,
    mmioWrite: () => undefined,
    ticks: now,
    fence: () => {},
    isMmio: (address: number) => address >>> 12 === DEVICE >>> 12,
  };
  const options = { sbi: false, ramSizeBytes: RAM_BYTES, hartId: 0 };
  return new Core(module, memory, host, options, { ...CPU_RESET, pc: BigInt(RAM_BASE) });
}

function now(): number {
  return Math.floor(performance.now() * 10_000);
}

function runToWfi(core: Core): void {
  const deadline = now() + 50_000_000;
  for (let exit = core.run(now() + 10_000); exit !== 'wfi'; exit = core.run(now() + 10_000)) {
    if (now() > deadline) throw new Error(`the program did not end; pc 0x${core.pc.toString(16)}`);
  }
}

const code = suite('decoded code');

code('a program that writes the instruction right before it is reached runs the new one', () => {
  const core = start(`
    la t0, target
    li t1, 0x00700513           # li a0, 7
    sw t1, 0(t0)
    fence.i
  target:
    li a0, 1
    wfi`);
  runToWfi(core);
  assert.is(core.readX(A0), 7n);
});

code('a loop that rewrites its own body each time round never runs a stale one', () => {
  const core = start(`
    la t0, target
    li t1, 0x00150513           # addi a0, a0, 1
    li t2, 0x00250513           # addi a0, a0, 2
    li a1, 1000
  again:
    sw t1, 0(t0)
    fence.i
    jal target
    sw t2, 0(t0)
    fence.i
    jal target
    addi a1, a1, -1
    bnez a1, again
    wfi
    .align 12
  target:
    .word 0
    ret`);
  runToWfi(core);
  assert.is(core.readX(A0), 3000n);
});

code('the second half of an instruction across two pages may change', () => {
  const source = `
    li a1, 3
    la t0, half
    li t1, 0x0020               # imm 2 of li a0
  again:
    jal crossing
    add a2, a2, a0
    sh t1, 0(t0)
    addi t1, t1, 0x10
    addi a1, a1, -1
    bnez a1, again
    wfi
    .align 12
    .zero ${PAGE_BYTES - 2}
  crossing:
    .half 0x0513                # li a0, 1: the lower half ends the page
  half:
    .half 0x0010
    ret`;
  const core = start(source);
  runToWfi(core);
  assert.is(core.readX(12), 1n + 2n + 3n);
});

code('more pages of code than the pool holds are executed right, again and again', () => {
  // Each page adds 1 and jumps to the next; the last one goes back until the rounds are used up.
  const rounds = 3;
  const count = POOL_PAGES + 500;
  const core = start(`li a1, ${rounds}; li t0, ${RAM_BASE + PAGE_BYTES}; jr t0`);
  const step = assemble('addi a0, a0, 1; lui t1, 1; add t0, t0, t1; jr t0', { origin: 0 }).bytes;
  for (let page = 1; page <= count; page++) ram.set(step, page * PAGE_BYTES);
  const last = `addi a1, a1, -1; li t0, ${RAM_BASE + PAGE_BYTES}; beqz a1, 1f; jr t0; 1: wfi`;
  const lastAt = (count + 1) * PAGE_BYTES;
  ram.set(assemble(last, { origin: RAM_BASE + lastAt }).bytes, lastAt);
  runToWfi(core);
  assert.is(core.readX(A0), BigInt(rounds * count));
  assert.is(core.readX(A1), 0n);
});

code('a new core on an old memory does not run what the old one decoded', () => {
  runToWfi(start('li a0, 1; wfi'));
  const core = start('li a0, 2; wfi');
  runToWfi(core);
  assert.is(core.readX(A0), 2n);
});

code.run();

const slices = suite('slices of a hostile guest');
const SLICE_TICKS = 10_000;
/** A slice of 1 ms; the rest is for a guest that makes everything slow. Processor time: the machine may be busy. */
const SLICE_LIMIT_US = 50_000;

const HOSTILE: readonly (readonly [string, string])[] = [
  ['traps whose handler is not there', 'csrw mtvec, zero; ecall'],
  ['traps into a trap', 'la t0, 1f; csrw mtvec, t0; .align 2; 1: .word 0'],
  ['a fence after a fence', `1: ${'sfence.vma; '.repeat(2000)} j 1b`],
  ['device accesses without a branch', `li t0, ${DEVICE}; 1: ${'sw zero, 0(t0); '.repeat(900)} j 1b`],
  ['questions for the time', `1: ${'csrr t0, time; '.repeat(900)} j 1b`],
  ['code that is written all the time', 'la t0, 1f; 1: lw t1, 0(t0); sw t1, 0(t0); j 1b'],
  ['PMP changes', `1: ${'csrw pmpaddr0, t0; addi t0, t0, 1; '.repeat(400)} j 1b`],
  ['changes of privilege', 'la t0, 1f; csrw mepc, t0; .align 2; 1: li t1, 0x1800; csrs mstatus, t1; mret'],
];

for (const [name, source] of HOSTILE) {
  slices(`${name}: the slice ends`, () => {
    const core = start(source);
    for (let round = 0; round < 3; round++) {
      const before = process.cpuUsage();
      assert.is(core.run(now() + SLICE_TICKS), 'slice-end');
      const { user, system } = process.cpuUsage(before);
      assert.ok(user + system < SLICE_LIMIT_US, `${user + system} microseconds`);
    }
  });
}

slices.run();
