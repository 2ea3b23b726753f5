/** The A extension. Only RAM takes atomics; devices answer with an access fault, as on most boards. */
import { RAM_BASE, RAM_OFFSET, TLB_TABLE_BYTES } from '../memory-map';
import { RESERVATION, RESERVATION_VALUE } from '../state-layout';
import { isRam, ramAddress } from './code-pages';
import { dataTlb, NEXT } from './hart';
import { locate } from './memory';
import { ACCESS_FAULT, fault, faultAddress, faultCause, misaligned, physical } from './mmu';
import { PAGE_MASK, READ, slotOf, WRITE } from './tlb';
import { illegal, takeTrap } from './trap';
import { readX, writeX } from './uop';

const LR: u32 = 2;
const SC: u32 = 3;

/** Where the operand lies in host memory. */
let operand: u32 = 0;

function find(address: u64, sizeBytes: u32, access: u32): bool {
  if ((address & (sizeBytes - 1)) != 0) return misaligned(access, address);
  const entry = dataTlb + access * TLB_TABLE_BYTES + slotOf(address);
  if (load<u64>(entry) == (address & PAGE_MASK)) {
    operand = <u32>address + load<u32>(entry, 8);
    return true;
  }
  if (!locate(address, sizeBytes, access)) return false;
  if (!isRam(physical)) return fault(ACCESS_FAULT, access, address);
  operand = ramAddress(physical);
  return true;
}

function combine32(operation: u32, old: i32, value: i32): i32 {
  switch (operation) {
    case 0x00: return old + value;
    case 0x01: return value;
    case 0x04: return old ^ value;
    case 0x08: return old | value;
    case 0x0c: return old & value;
    case 0x10: return old < value ? old : value;
    case 0x14: return old > value ? old : value;
    case 0x18: return <u32>old < <u32>value ? old : value;
  }
  return <u32>old > <u32>value ? old : value; // 0x1c
}

function combine64(operation: u32, old: i64, value: i64): i64 {
  switch (operation) {
    case 0x00: return old + value;
    case 0x01: return value;
    case 0x04: return old ^ value;
    case 0x08: return old | value;
    case 0x0c: return old & value;
    case 0x10: return old < value ? old : value;
    case 0x14: return old > value ? old : value;
    case 0x18: return <u64>old < <u64>value ? old : value;
  }
  return <u64>old > <u64>value ? old : value;
}

function isDefined(operation: u32, sizeBytes: u32, source: u32): bool {
  if (sizeBytes != 4 && sizeBytes != 8) return false;
  if (operation == LR) return source == 0;
  return operation == SC || operation == 1 || (operation & 3) == 0;
}

/** The operand's guest-physical address. */
function reservation(): u64 {
  return <u64>(operand - RAM_OFFSET) + <u64>RAM_BASE;
}

function loadReserved(rd: u32, sizeBytes: u32): void {
  const value = sizeBytes == 4 ? <u64>(<i64>load<i32>(operand)) : load<u64>(operand);
  store<u64>(RESERVATION, reservation());
  store<u64>(RESERVATION_VALUE, value);
  writeX(rd, value);
}

/** Succeeds when the reservation stands and no device has changed the value since. */
function storeConditional(rd: u32, source: u32, sizeBytes: u32): void {
  const value = sizeBytes == 4 ? <u64>(<i64>load<i32>(operand)) : load<u64>(operand);
  const succeeds = load<u64>(RESERVATION) == reservation() && load<u64>(RESERVATION_VALUE) == value;
  if (succeeds) {
    if (sizeBytes == 4) store<u32>(operand, <u32>readX(source));
    else store<u64>(operand, readX(source));
  }
  store<u64>(RESERVATION, ~0);
  writeX(rd, succeeds ? 0 : 1);
}

export function executeAmo(instruction: u32, pc: u64): i32 {
  const operation = instruction >> 27;
  const sizeBytes: u32 = 1 << ((instruction >> 12) & 7);
  const rd = (instruction >> 7) & 31;
  const source = (instruction >> 20) & 31;
  if (!isDefined(operation, sizeBytes, source)) return illegal(instruction, pc);
  const address = readX((instruction >> 15) & 31);
  if (!find(address, sizeBytes, operation == LR ? READ : WRITE)) return takeTrap(faultCause, faultAddress, pc);
  if (operation == LR) {
    loadReserved(rd, sizeBytes);
  } else if (operation == SC) {
    storeConditional(rd, source, sizeBytes);
  } else if (sizeBytes == 4) {
    const old = load<i32>(operand);
    store<i32>(operand, combine32(operation, old, <i32>readX(source)));
    writeX(rd, <u64>(<i64>old));
  } else {
    const old = load<u64>(operand);
    store<u64>(operand, combine64(operation, old, readX(source)));
    writeX(rd, old);
  }
  return NEXT;
}
