/**
 * Address translation: Sv39 with hardware update of the accessed and dirty bits, or none. The result of
 * `translate` is `physical`; a failure leaves `faultCause` and `faultAddress` for the trap.
 */
import { MSTATUS, SATP } from '../state-layout';
import { beforeWrite, isRam, ramAddress } from './code-pages';
import { isPaged, STATUS_MXR, STATUS_SUM, SUPERVISOR, USER } from './hart';
import { pmpAllows } from './pmp';
import { EXECUTE, READ, WRITE } from './tlb';

const PTE_V: u64 = 1;
const PTE_R: u64 = 2;
const PTE_W: u64 = 4;
const PTE_X: u64 = 8;
const PTE_U: u64 = 16;
const PTE_A: u64 = 64;
const PTE_D: u64 = 128;
const PTE_PPN_SHIFT: u64 = 10;
const PTE_PPN: u64 = 0xfffffffffff;
/** N, PBMT and the reserved bits: extensions that this hart does not have. */
const PTE_RESERVED: u64 = 0xffc0000000000000;

const SMALL_SPAN: u64 = 0xfff;

export const ACCESS_FAULT: u32 = 0;
export const PAGE_FAULT: u32 = 1;

export let physical: u64 = 0;
/** Size of the page that the translation came from, less one. */
export let span: u64 = SMALL_SPAN;
export let faultCause: u32 = 0;
export let faultAddress: u64 = 0;

/** Records a fault and returns false, so that callers can return it. */
export function fault(kind: u32, access: u32, address: u64): bool {
  if (kind == PAGE_FAULT) faultCause = access == EXECUTE ? 12 : access == READ ? 13 : 15;
  else faultCause = access == EXECUTE ? 1 : access == READ ? 5 : 7;
  faultAddress = address;
  return false;
}

export function misaligned(access: u32, address: u64): bool {
  faultCause = access == READ ? 4 : 6;
  faultAddress = address;
  return false;
}

function leafAllows(pte: u64, access: u32, mode: u32): bool {
  const bits = load<u64>(MSTATUS);
  if ((pte & PTE_U) != 0) {
    if (mode == SUPERVISOR && (access == EXECUTE || (bits & STATUS_SUM) == 0)) return false;
  } else if (mode == USER) {
    return false;
  }
  if (access == EXECUTE) return (pte & PTE_X) != 0;
  if (access == WRITE) return (pte & PTE_W) != 0;
  return (pte & PTE_R) != 0 || ((bits & STATUS_MXR) != 0 && (pte & PTE_X) != 0);
}

/** Checks a leaf, updates A and D, and sets `physical`. */
function acceptLeaf(pte: u64, pteAddress: u64, level: u32, address: u64, access: u32, mode: u32): bool {
  const offsetMask = ((<u64>1) << (12 + 9 * level)) - 1;
  const base = ((pte >> PTE_PPN_SHIFT) & PTE_PPN) << 12;
  if ((base & offsetMask) != 0 || !leafAllows(pte, access, mode)) return fault(PAGE_FAULT, access, address);
  const marks = access == WRITE ? PTE_A | PTE_D : PTE_A;
  if ((pte & marks) != marks) {
    if (!pmpAllows(pteAddress, 8, WRITE, SUPERVISOR)) return fault(ACCESS_FAULT, access, address);
    beforeWrite(pteAddress);
    store<u64>(ramAddress(pteAddress), pte | marks);
  }
  physical = base | (address & offsetMask);
  span = offsetMask;
  return true;
}

/** Translates for an access by `mode`; does not check the PMP for the result. */
export function translate(address: u64, access: u32, mode: u32): bool {
  if (!isPaged(mode)) {
    physical = address;
    span = SMALL_SPAN;
    return true;
  }
  if (<u64>((<i64>(address << 25)) >> 25) != address) return fault(PAGE_FAULT, access, address);
  let table = (load<u64>(SATP) & PTE_PPN) << 12;
  for (let level: i32 = 2; level >= 0; level--) {
    const pteAddress = table + (((address >> (12 + 9 * level)) & 511) << 3);
    if (!isRam(pteAddress) || !pmpAllows(pteAddress, 8, READ, SUPERVISOR)) {
      return fault(ACCESS_FAULT, access, address);
    }
    const pte = load<u64>(ramAddress(pteAddress));
    if ((pte & PTE_V) == 0 || (pte & (PTE_R | PTE_W)) == PTE_W || (pte & PTE_RESERVED) != 0) {
      return fault(PAGE_FAULT, access, address);
    }
    if ((pte & (PTE_R | PTE_X)) != 0) return acceptLeaf(pte, pteAddress, level, address, access, mode);
    if ((pte & (PTE_A | PTE_D | PTE_U)) != 0) return fault(PAGE_FAULT, access, address);
    table = ((pte >> PTE_PPN_SHIFT) & PTE_PPN) << 12;
  }
  return fault(PAGE_FAULT, access, address);
}
