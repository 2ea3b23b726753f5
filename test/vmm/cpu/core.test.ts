/** The façade of the core: why a run ends, what the host may read and change, devices, saving and loading. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { STOP_REQUEST_OFFSET } from '../../../vmm/cpu/core.js';
import { CPU_RESET } from '../../../vmm/cpu/state.js';
import { assemble } from '../../asm/assemble.js';
import { CSRS } from '../../asm/registers.js';
import { FREE_ADDRESS } from './program.js';
import { TestMachine } from './test-machine.js';

const START = 0x80000000;
const A0 = 10;
const A1 = 11;

function machineWith(source: string, options: { sbi?: boolean } = {}) {
  const machine = new TestMachine(options);
  const { bytes, symbols } = assemble(source, { origin: START });
  machine.load(bytes);
  machine.core.pc = BigInt(START);
  return { machine, core: machine.core, address: (label: string) => symbols.get(label) as bigint };
}

const runs = suite('core runs');

runs('a program that never ends gives the slice back when its time is up', () => {
  const { machine, core } = machineWith('1: addi a0, a0, 1; j 1b');
  assert.is(core.run(machine.now + 1000), 'slice-end');
  const first = core.readX(A0);
  assert.ok(first > 0n);
  assert.is(core.run(machine.now + 1000), 'slice-end');
  assert.ok(core.readX(A0) > first, 'the second slice goes on where the first ended');
});

runs('code without any branch back gives the slice back too', () => {
  const { machine, core } = machineWith('1: nop; nop; jal zero, 2f; 2: jal zero, 1b');
  assert.is(core.run(machine.now + 1), 'slice-end');
});

runs('WFI with nothing pending leaves at once, with pc behind it', () => {
  const { machine, core, address } = machineWith('li a0, 5; wfi; behind: li a0, 6; wfi');
  assert.is(core.run(machine.now + 1_000_000), 'wfi');
  assert.is(core.readX(A0), 5n);
  assert.is(core.pc, address('behind'));
  assert.is(core.run(machine.now + 1_000_000), 'wfi');
  assert.is(core.readX(A0), 6n);
});

runs('a stop request of the host ends the run behind the instruction that led to it', () => {
  const { machine, core, address } = machineWith(
    'li t0, 0x100000; sw t0, 0(t0); behind: 1: addi a0, a0, 1; j 1b',
  );
  assert.is(core.run(machine.now + 1_000_000), 'stop-requested');
  assert.ok(machine.poweredOff);
  assert.is(core.pc, address('behind'));
  assert.is(core.readX(A0), 0n);
});

runs('a stop request made from another thread ends a run, once', () => {
  const { machine, core } = machineWith('1: addi a0, a0, 1; j 1b');
  Atomics.store(new Uint8Array(machine.memory.buffer), STOP_REQUEST_OFFSET, 1);
  assert.is(core.run(machine.now + 1e9), 'stop-requested');
  assert.is(core.run(machine.now + 1000), 'slice-end');
});

runs('an SBI call leaves with pc at the ecall, and the host answers in registers', () => {
  const source = 'li a7, 0x10; li a6, 3; call: ecall; mv s0, a0; mv s1, a1; wfi';
  const { machine, core, address } = machineWith(source, { sbi: true });
  assert.is(core.privilege, 1);
  assert.is(core.run(machine.now + 1_000_000), 'sbi-call');
  assert.is(core.pc, address('call'));
  assert.equal([core.readX(17), core.readX(16)], [0x10n, 3n]);
  core.writeX(A0, BigInt.asUintN(64, -2n));
  core.writeX(A1, 7n);
  core.pc += 4n;
  assert.is(core.run(machine.now + 1_000_000), 'wfi');
  assert.equal([core.readX(8), core.readX(9)], [BigInt.asUintN(64, -2n), 7n]);
});

runs('with an SBI of the host, S has what firmware would have given it', () => {
  const source = `
    la t0, handler
    csrw stvec, t0
    csrr s2, time
    csrr s3, cycle
    csrw stimecmp, zero
    li t0, ${FREE_ADDRESS}
    sd t0, 0(t0)
    ebreak
    .align 2
  handler:
    csrr s4, scause
    wfi`;
  const { machine, core } = machineWith(source, { sbi: true });
  assert.is(core.run(machine.now + 1_000_000), 'wfi');
  assert.is(core.readX(20), 3n, 'breakpoints are delegated to S');
});

runs('with an SBI of the host, programs may read the time, as a C library does', () => {
  const source = `
    la t0, handler
    csrw stvec, t0
    la t0, program
    csrw sepc, t0
    sret
    .align 2
  handler:
    csrr s4, scause
    wfi
    .align 2
  program:
    csrr s2, time
    csrr s3, instret
    ecall`;
  const { machine, core } = machineWith(source, { sbi: true });
  assert.is(core.run(machine.now + 1_000_000), 'wfi');
  assert.is(core.readX(20), 8n, 'the call from U, not an illegal instruction');
});

const host = suite('core and host');

host('x0 cannot be written and pc is even', () => {
  const { core } = machineWith('nop');
  core.writeX(0, 5n);
  core.writeX(31, 0xffff_ffff_ffff_ffffn);
  core.pc = 0x80000003n;
  assert.equal([core.readX(0), core.readX(31), core.pc], [0n, 0xffff_ffff_ffff_ffffn, 0x80000002n]);
});

host('CSRs are read and written as M-mode would, unknown ones are refused', () => {
  const { core } = machineWith('nop');
  const csr = (name: string) => CSRS.get(name) as number;
  core.writeCsr(csr('mscratch'), 0x1234n);
  assert.is(core.readCsr(csr('mscratch')), 0x1234n);
  core.writeCsr(csr('mepc'), 0x80000001n);
  assert.is(core.readCsr(csr('mepc')), 0x80000000n);
  assert.is(core.readCsr(csr('misa')) >> 62n, 2n);
  assert.throws(() => core.readCsr(0x7c0), /0x7c0/);
  assert.throws(() => core.writeCsr(csr('mhartid'), 1n), /0xf14/);
});

host('device accesses arrive with address, width and value, 64-bit ones as two halves, low first', () => {
  const { machine, core } = machineWith(`
    li t0, 0x10000000
    li t1, 0x8877665544332211
    sb t1, 0(t0)
    sh t1, 2(t0)
    sw t1, 4(t0)
    sd t1, 0(t0)
    lbu a0, 5(t0)
    lw a1, 4(t0)
    ld a2, 0(t0)
    wfi`);
  assert.is(core.run(machine.now + 1_000_000), 'wfi');
  assert.equal(machine.accesses, [
    'w1 0x10000000 = 0x11',
    'w2 0x10000002 = 0x2211',
    'w4 0x10000004 = 0x44332211',
    'w4 0x10000000 = 0x44332211',
    'w4 0x10000004 = 0x88776655',
    'r1 0x10000005',
    'r4 0x10000004',
    'r4 0x10000000',
    'r4 0x10000004',
  ]);
  assert.is(core.readX(A0), 0x60n);
});

host('values from devices are extended as the load says', () => {
  const { machine, core } = machineWith(
    'li t0, 0x2004000; lw a0, 0(t0); lwu a1, 0(t0); ld a2, 0(t0); lb a3, 0(t0); wfi',
  );
  assert.is(core.run(machine.now + 1_000_000), 'wfi');
  const ones = 0xffff_ffff_ffff_ffffn;
  assert.equal(
    [10, 11, 12, 13].map((i) => core.readX(i)),
    [ones, 0xffffffffn, ones, ones],
  );
});

host('nextTimerTicks is the deadline of stimecmp when it can end a WFI', () => {
  const { core } = machineWith('nop');
  const csr = (name: string) => CSRS.get(name) as number;
  core.writeCsr(csr('stimecmp'), 123456n);
  assert.is(core.nextTimerTicks(), Number.POSITIVE_INFINITY, 'Sstc is off');
  core.writeCsr(csr('menvcfg'), 1n << 63n);
  assert.is(core.nextTimerTicks(), Number.POSITIVE_INFINITY, 'STIE is off');
  core.writeCsr(csr('mie'), 0x20n);
  assert.is(core.nextTimerTicks(), 123456);
});

host('hasPendingInterrupt looks at wires and enable bits only', () => {
  const { core } = machineWith('nop');
  assert.not(core.hasPendingInterrupt());
  core.setInterrupt('seip', true);
  assert.not(core.hasPendingInterrupt(), 'not enabled');
  core.writeCsr(CSRS.get('mie') as number, 0x200n);
  assert.ok(core.hasPendingInterrupt(), 'enabled, though MIE is off');
  core.setInterrupt('seip', false);
  assert.not(core.hasPendingInterrupt());
});

host('code that the host wrote runs after flushCode or flushCodeRange', () => {
  const { machine, core } = machineWith('li a0, 1; wfi');
  core.run(machine.now + 1_000_000);
  const { bytes } = assemble('li a0, 2; wfi', { origin: START });
  machine.ram.set(bytes, 0);
  core.flushCode();
  core.pc = BigInt(START);
  core.run(machine.now + 1_000_000);
  assert.is(core.readX(A0), 2n);
  machine.ram[3] = 0x00;
  machine.ram[2] = 0x30;
  core.flushCodeRange(START + 2, 1);
  core.pc = BigInt(START);
  core.run(machine.now + 1_000_000);
  assert.is(core.readX(A0), 3n);
});

const state = suite('core state');

const COUNTING = `
    li a0, 0
    li a1, 300000
    li s0, ${FREE_ADDRESS}
    li t0, 0x6000
    csrs mstatus, t0
    fcvt.d.w fa0, zero
    li t1, 1
    fcvt.d.w fa1, t1
  1: addi a0, a0, 3
    fadd.d fa0, fa0, fa1
    sd a0, 0(s0)
    addi a1, a1, -1
    bnez a1, 1b
    fcvt.l.d a2, fa0
    ld a3, 0(s0)
    li t0, 0x100000
    sw t0, 0(t0)`;

state('a program goes on in another core from where the first was saved, as often as one likes', () => {
  let { machine } = machineWith(COUNTING);
  let handOvers = 0;
  while (!machine.poweredOff) {
    machine.core.run(machine.now + 100);
    if (machine.poweredOff) break;
    const saved = machine.core.save();
    const next = new TestMachine({ state: saved, keepRam: true });
    next.now = machine.now;
    machine = next;
    handOvers += 1;
  }
  assert.ok(handOvers > 10, `${handOvers} hand-overs`);
  assert.equal(
    [10, 12, 13].map((i) => machine.core.readX(i)),
    [900000n, 300000n, 900000n],
  );
});

state('saving twice gives the same and does not change the core', () => {
  const { machine, core } = machineWith(COUNTING);
  core.run(machine.now + 1000);
  const frozen = CSRS.get('mcountinhibit') as number;
  core.writeCsr(frozen, 5n);
  assert.equal(core.save(), core.save());
  core.writeCsr(frozen, 0n);
  machine.runToEnd();
  assert.is(core.readX(A0), 900000n);
});

state('load puts back everything that save returned', () => {
  const { machine, core } = machineWith(COUNTING);
  core.run(machine.now + 1000);
  core.writeCsr(CSRS.get('mcountinhibit') as number, 5n);
  const saved = core.save();
  machine.runToEnd();
  core.load(saved);
  assert.equal(core.save(), saved);
});

state('the reset state is M-mode at the reset vector with translation and interrupts off', () => {
  const core = new TestMachine().core;
  assert.equal([core.pc, core.privilege], [0x1000n, 3]);
  assert.is(core.readCsr(CSRS.get('satp') as number), 0n);
  assert.is(core.readCsr(CSRS.get('mstatus') as number) & 0xan, 0n);
  assert.is(CPU_RESET.priv, 3n);
});

state('translation and a reservation survive saving and loading', () => {
  const table = FREE_ADDRESS;
  const { machine, core } = machineWith(`
    li t0, ${table}
    li t1, (0x80000000 >> 12 << 10) | 0xcf
    sd t1, 8(t0)                # 1 GiB at 0x40000000 leads to 0x80000000
    sd t1, 16(t0)               # and where the program is
    li t0, (8 << 60) | (${table} >> 12)
    csrw satp, t0
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 0x800
    csrw mstatus, t0
    la t0, supervisor
    csrw mepc, t0
    mret
  supervisor:
    li s0, 0x40000000 + ${FREE_ADDRESS + 0x1000} - 0x80000000
    li a1, 42
    lr.d a0, (s0)
    wfi
    sc.d a2, a1, (s0)
    ld a3, 0(s0)
    wfi`);
  assert.is(core.run(machine.now + 1_000_000), 'wfi');
  const next = new TestMachine({ state: core.save(), keepRam: true });
  assert.is(next.core.run(machine.now + 1_000_000), 'wfi');
  assert.equal([next.core.readX(12), next.core.readX(13)], [0n, 42n]);
});

runs.run();
host.run();
state.run();
