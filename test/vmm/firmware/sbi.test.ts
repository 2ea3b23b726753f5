import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Sbi } from '../../../vmm/firmware/sbi.js';

const test = suite('SBI');

const BASE = 0x10;
const TIME = 0x54494d45;
const IPI = 0x735049;
const RFENCE = 0x52464e43;
const HSM = 0x48534d;
const SRST = 0x53525354;
const DBCN = 0x4442434e;
const NOT_SUPPORTED = -2n;
const INVALID_PARAM = -3n;
const ALL = 0xffff_ffff_ffff_ffffn;

function setup() {
  const x = new Array<bigint>(32).fill(0n);
  const csrs = new Map<number, bigint>([[0x344, 0n]]);
  const heard: string[] = [];
  const core = {
    pc: 0x80200000n,
    readX: (index: number) => x[index] ?? 0n,
    writeX: (index: number, value: bigint) => {
      x[index] = value;
    },
    readCsr: (number: number) => csrs.get(number) ?? 0n,
    writeCsr: (number: number, value: bigint) => {
      csrs.set(number, value);
    },
    flushCode: () => heard.push('flush'),
  };
  const ram = new Uint8Array(65536);
  let typed = Buffer.from('typed text');
  const console = {
    write: (bytes: Uint8Array) => heard.push(`print ${Buffer.from(bytes)}`),
    read: (limit: number) => {
      const taken = typed.subarray(0, limit);
      typed = typed.subarray(limit);
      return taken;
    },
  };
  const events = {
    finish: (passed: boolean, code: number) => heard.push(`finish ${passed} ${code}`),
    reset: () => heard.push('reset'),
  };
  const sbi = new Sbi(core, ram, console, events);
  const call = (extension: number, id: number, ...args: bigint[]) => {
    x[17] = BigInt(extension);
    x[16] = BigInt(id);
    for (let index = 0; index < 6; index++) x[10 + index] = args[index] ?? 0n;
    const after = sbi.handle();
    return { error: BigInt.asIntN(64, x[10] ?? 0n), value: x[11], after };
  };
  return { call, core, csrs, heard, ram };
}

test('every call goes on behind the ecall', () => {
  const { call, core } = setup();
  call(BASE, 0);
  call(0xabc, 0);
  assert.is(core.pc, 0x80200008n);
});

test('BASE tells the version and probes what is there', () => {
  const { call } = setup();
  assert.is(call(BASE, 0).value, 0x0200_0000n);
  for (const extension of [BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN]) {
    assert.is(call(BASE, 3, BigInt(extension)).value, 1n);
  }
  for (const extension of [0, 1, 8, 0x504d55, 0x53555350]) {
    assert.is(call(BASE, 3, BigInt(extension)).value, 0n);
  }
  assert.is(call(BASE, 7).error, NOT_SUPPORTED);
});

test('extensions that are not there, legacy ones too, are not supported', () => {
  const { call, heard } = setup();
  for (const extension of [0, 1, 2, 8, 0x504d55]) assert.is(call(extension, 0, 65n).error, NOT_SUPPORTED);
  assert.equal(heard, []);
});

test('TIME sets the hart timer', () => {
  const { call, csrs } = setup();
  assert.is(call(TIME, 0, 123_456n).error, 0n);
  assert.is(csrs.get(0x14d), 123_456n);
  assert.is(call(TIME, 1).error, NOT_SUPPORTED);
});

test('IPI raises the software interrupt of hart 0 and of no other', () => {
  const { call, csrs } = setup();
  assert.is(call(IPI, 0, 2n, 0n).error, INVALID_PARAM);
  assert.is(call(IPI, 0, 1n, 1n).error, INVALID_PARAM);
  assert.is(call(IPI, 0, 0n, 0n).error, 0n);
  assert.is(csrs.get(0x344), 0n);
  assert.is(call(IPI, 0, 1n, 0n).error, 0n);
  assert.is(csrs.get(0x344), 2n);
  csrs.set(0x344, 0n);
  assert.is(call(IPI, 0, 0n, ALL).error, 0n);
  assert.is(csrs.get(0x344), 2n);
});

test('RFENCE flushes; hypervisor fences are not supported', () => {
  const { call, heard } = setup();
  for (const id of [0, 1, 2]) assert.is(call(RFENCE, id, 1n, 0n, 0n, ALL).error, 0n);
  assert.is(call(RFENCE, 3, 1n, 0n).error, NOT_SUPPORTED);
  assert.is(call(RFENCE, 0, 4n, 0n).error, INVALID_PARAM);
  assert.equal(heard, ['flush', 'flush', 'flush']);
});

test('HSM knows one hart, which runs and can wait', () => {
  const { call } = setup();
  assert.is(call(HSM, 0, 0n).error, -6n);
  assert.is(call(HSM, 0, 1n).error, INVALID_PARAM);
  assert.is(call(HSM, 1).error, -1n);
  assert.equal([call(HSM, 2, 0n).error, call(HSM, 2, 0n).value], [0n, 0n]);
  assert.is(call(HSM, 2, 5n).error, INVALID_PARAM);
  assert.equal(call(HSM, 3, 0n), { error: 0n, value: 0n, after: 'wait for interrupt' });
  assert.is(call(HSM, 3, 0x8000_0000n).error, NOT_SUPPORTED);
  assert.is(call(HSM, 3, 0x42n).error, INVALID_PARAM);
});

test('SRST powers off or resets', () => {
  const { call, heard } = setup();
  call(SRST, 0, 0n, 0n);
  call(SRST, 0, 0n, 1n);
  call(SRST, 0, 1n, 0n);
  call(SRST, 0, 2n, 1n);
  assert.is(call(SRST, 0, 3n, 0n).error, INVALID_PARAM);
  assert.is(call(SRST, 0, 0n, 9n).error, INVALID_PARAM);
  assert.equal(heard, ['finish true 0', 'finish false 0', 'reset', 'reset']);
});

test('DBCN prints from RAM and reads into it', () => {
  const { call, heard, ram } = setup();
  ram.set(Buffer.from('hello'), 0x100);
  assert.equal(call(DBCN, 0, 5n, 0x80000100n, 0n), { error: 0n, value: 5n, after: 'go on' });
  call(DBCN, 2, 0x121n);
  assert.equal(heard, ['print hello', 'print !']);
  assert.is(call(DBCN, 1, 5n, 0x80000200n, 0n).value, 5n);
  assert.is(call(DBCN, 1, 100n, 0x80000205n, 0n).value, 5n);
  assert.is(Buffer.from(ram.subarray(0x200, 0x20a)).toString(), 'typed text');
  assert.is(call(DBCN, 1, 100n, 0x80000205n, 0n).value, 0n);
});

test('DBCN refuses memory that is not all RAM, and moves at most 4 KiB', () => {
  const { call, heard } = setup();
  assert.is(call(DBCN, 0, 1n, 0x7fffffffn, 0n).error, INVALID_PARAM);
  assert.is(call(DBCN, 0, 2n, 0x8000ffffn, 0n).error, INVALID_PARAM);
  assert.is(call(DBCN, 0, ALL, 0x80000000n, 0n).error, INVALID_PARAM);
  assert.is(call(DBCN, 0, 1n, 0x80000000n, 1n).error, INVALID_PARAM);
  assert.equal(heard, []);
  assert.is(call(DBCN, 0, 65536n, 0x80000000n, 0n).value, 4096n);
});

test('no register contents break a call', () => {
  const { call } = setup();
  const values = [0n, 1n, ALL, 0x8000_0000n, 0x8000_0000_0000_0000n];
  for (const extension of [BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN]) {
    for (let id = 0; id < 9; id++) {
      for (const first of values)
        for (const second of values) call(extension, id, first, second, second, first);
    }
  }
});

test.run();
