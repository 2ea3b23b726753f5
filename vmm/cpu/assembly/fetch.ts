/**
 * From a program counter to uops: finding the page, fetching and decoding a slot, and the instructions
 * that lie across two pages.
 */
import { CROSSING_BYTES, CROSSING_ENTRIES, CROSSING_OFFSET, POOL_OFFSET } from '../memory-map';
import { codePage, isRam, ownerOf, ramAddress, uncachedPage } from './code-pages';
import { AGAIN, codeTlb, LEAVE, privilege, setNextPc, setStandIn, STAND_IN, unretire } from './hart';
import { isMmio, mmioRead } from './host';
import { ACCESS_FAULT, fault, faultAddress, faultCause, physical, span, translate } from './mmu';
import { decodeInto } from './decode';
import {
  COMPRESSED,
  CROSSING,
  DECODE,
  EBREAK,
  ILLEGAL,
  J,
  J_FAR,
  JAL,
  JAL_FAR,
  JALR,
  JR,
  PAGE_END,
} from './opcodes';
import { firstOf, joinSlots } from './pairs';
import { pmpAllows, pmpUniform } from './pmp';
import { enter, EXECUTE, PAGE_MASK } from './tlb';
import { takeTrap } from './trap';

/** Instructions decoded at once at most, when a slot is reached. */
const AHEAD_LIMIT: i32 = 32;

/** Translates for a fetch of two bytes; sets mmu's `physical`. */
function locateCode(pc: u64): bool {
  if (!translate(pc, EXECUTE, privilege())) return false;
  if (!pmpAllows(physical, 2, EXECUTE, privilege())) return fault(ACCESS_FAULT, EXECUTE, pc);
  if (isRam(physical)) return true;
  if (physical >> 32 == 0 && isMmio(<u32>physical & ~3) != 0) return true;
  return fault(ACCESS_FAULT, EXECUTE, pc);
}

/** The page of uops for `pc`, entered into the code TLB; 0 when a trap was taken (`nextPc` is set). */
export function resolve(pc: u64): u32 {
  if (!locateCode(pc)) {
    takeTrap(faultCause, faultAddress, pc);
    unretire(-1); // nothing was executed
    return 0;
  }
  if (!isRam(physical) || !pmpUniform(physical)) return uncachedPage(physical);
  const page = codePage(physical);
  enter(codeTlb, EXECUTE, pc, page, span);
  return page;
}

function fetchHalf(address: u64): u32 {
  if (isRam(address)) return load<u16>(ramAddress(address));
  const word = mmioRead(<u32>address & ~3, 4);
  return (<u32>address & 2) != 0 ? word >>> 16 : word & 0xffff;
}

function endsBlock(operation: u32): bool {
  switch (operation & ~COMPRESSED) {
    case J:
    case J_FAR:
    case JAL:
    case JAL_FAR:
    case JR:
    case JALR:
    case EBREAK:
    case ILLEGAL:
    case CROSSING: return true;
  }
  return false;
}

/** Decodes what follows a slot in a page of RAM, up to the end of the block, and makes pairs. */
function decodeAhead(uop: u32, pc: u64): void {
  let at = uop;
  let operation: u32 = load<u8>(at);
  let offset = <u32>pc & 0xfff;
  const page = ramAddress((<u64>ownerOf(uop)) << 12);
  for (let i = 0; i < AHEAD_LIMIT && !endsBlock(operation); i++) {
    const lengthBytes: u32 = (operation & COMPRESSED) != 0 ? 2 : 4;
    const next = at + (lengthBytes << 2);
    offset += lengthBytes;
    if (offset >= 0xffe) return;
    const isNew = load<u8>(next) == DECODE;
    if (isNew) decodeInto(next, load<u32>(page + offset), (pc & PAGE_MASK) | offset, true);
    const following: u32 = isNew ? load<u8>(next) : firstOf(load<u8>(next));
    joinSlots(at, operation, next, following);
    if (!isNew) return;
    at = next;
    operation = following;
  }
}

/** Decodes the slot that `pc` has reached. Its page was checked when it was entered. */
export function decodeSlot(uop: u32, pc: u64): i32 {
  const address = ((<u64>ownerOf(uop)) << 12) | (pc & 0xfff);
  const isWhole = pmpUniform(address);
  if (!isWhole && !pmpAllows(address, 2, EXECUTE, privilege())) {
    return takeTrap(1, pc, pc);
  }
  let instruction = fetchHalf(address);
  if ((instruction & 3) == 3) {
    if ((pc & 0xfff) == 0xffe) {
      store<u64>(uop, CROSSING);
      return AGAIN;
    }
    if (!isWhole && !pmpAllows(address + 2, 2, EXECUTE, privilege())) {
      return takeTrap(1, pc + 2, pc);
    }
    instruction |= fetchHalf(address + 2) << 16;
  }
  decodeInto(uop, instruction, pc, true);
  if (isWhole && isRam(address)) decodeAhead(uop, pc);
  return AGAIN;
}

/**
 * An instruction across two pages: both halves are fetched each time, but decoded only when the encoding
 * is not in the small cache. Each cache entry is a uop followed by a sentinel.
 */
export function enterCrossing(uop: u32, pc: u64): i32 {
  const low = fetchHalf(((<u64>ownerOf(uop)) << 12) | 0xffe);
  if (!locateCode(pc + 2)) return takeTrap(faultCause, faultAddress, pc);
  const instruction = low | (fetchHalf(physical) << 16);
  const index = (instruction ^ (instruction >> 7) ^ (instruction >> 17)) & (CROSSING_ENTRIES - 1);
  const entry = CROSSING_OFFSET + index * CROSSING_BYTES;
  if (load<u32>(entry, 8) != instruction) {
    decodeInto(entry, instruction, pc, false);
    store<u32>(entry, instruction, 8);
    store<u64>(entry, PAGE_END, 16);
  }
  setStandIn(entry);
  return STAND_IN;
}

/** The instruction that a slot was decoded from, for mtval. */
export function instructionOf(uop: u32, pc: u64): u32 {
  if (uop < <u32>POOL_OFFSET) return load<u32>(uop, 8); // a page-crossing one
  const address = ((<u64>ownerOf(uop)) << 12) | (pc & 0xfff);
  const low = fetchHalf(address);
  return (low & 3) == 3 ? low | (fetchHalf(address + 2) << 16) : low;
}

/** Where the walk off the end of a page goes on. The sentinel is no instruction. */
export function leaveTo(pc: u64): i32 {
  unretire(1);
  setNextPc(pc);
  return LEAVE;
}
