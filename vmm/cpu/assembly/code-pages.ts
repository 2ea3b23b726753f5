/**
 * The pool of pre-decoded pages. A page of RAM that is executed gets a page of uops: one slot of 8 bytes
 * for each 2 bytes of code, all zero (DECODE) at first. A write to such a page drops its uops, which makes
 * self-modifying code, FENCE.I and loaded modules work without looking at the instruction.
 *
 * The page map holds for each page of RAM: bits 14..0 the pool page (0: none), bit 15 "may be in a write TLB".
 * Pool page 0 is for code that must not be kept: in device memory, or under a PMP boundary.
 */
import {
  PAGE_MAP_OFFSET,
  POOL_OFFSET,
  POOL_PAGES,
  POOL_STRIDE,
  POOL_TOUCHED_OFFSET,
  POOL_USED_OFFSET,
  RAM_BASE,
  RAM_OFFSET,
} from '../memory-map';
import { ramBytes, setAttention } from './hart';
import { PAGE_END } from './opcodes';
import { EXECUTE, flushCodeEntries, removeTarget, WRITE } from './tlb';

const UOP_BYTES: u32 = 0x4000;
const OWNER: u32 = 0x4010; // header: physical page number, NO_OWNER when free
const USED: u32 = 0x4014; // header: entered since the clock hand last passed
const NEXT_FREE: u32 = 0x4018; // header: next page of the free list
const NO_OWNER: u32 = 0xffffffff;
const WRITE_HINT: u32 = 0x8000;
const SLOT_MASK: u32 = 0x7fff;
/** Pages given up at once when the pool is full: one flush of the code TLBs serves them all. */
const EVICT_BATCH: u32 = 128;

let freeList: u32 = 0;
let hand: u32 = 1;

@inline
export function isRam(physical: u64): bool {
  return physical - <u64>RAM_BASE < ramBytes;
}

@inline
export function ramAddress(physical: u64): u32 {
  return <u32>(physical - <u64>RAM_BASE) + RAM_OFFSET;
}

function poolPage(slot: u32): u32 {
  return POOL_OFFSET + slot * POOL_STRIDE;
}

function mapEntry(physicalPage: u32): u32 {
  return PAGE_MAP_OFFSET + ((physicalPage - <u32>(<u64>RAM_BASE >> 12)) << 1);
}

/** Physical page number that a page of uops belongs to; `uop` may be any slot of it. */
export function ownerOf(uop: u32): u32 {
  return load<u32>(poolPage((uop - POOL_OFFSET) / POOL_STRIDE) + OWNER);
}

/** Pages above the highest that was ever used are still zero: clearing would only make them resident. */
function clear(slot: u32): void {
  const touched = load<u32>(POOL_TOUCHED_OFFSET);
  if (slot <= touched) memory.fill(poolPage(slot), 0, UOP_BYTES);
  else store<u32>(POOL_TOUCHED_OFFSET, slot);
}

function prepare(slot: u32, physicalPage: u32): u32 {
  const page = poolPage(slot);
  clear(slot);
  store<u64>(page + UOP_BYTES, PAGE_END);
  store<u64>(page + UOP_BYTES + 8, PAGE_END);
  store<u32>(page + OWNER, physicalPage);
  store<u32>(page + USED, 1);
  return page;
}

function release(slot: u32): void {
  const page = poolPage(slot);
  const entry = mapEntry(load<u32>(page + OWNER));
  store<u16>(entry, <u16>(load<u16>(entry) & WRITE_HINT));
  store<u32>(page + OWNER, NO_OWNER);
  store<u32>(page + NEXT_FREE, freeList);
  freeList = slot;
}

/** Clock: pages not entered since the hand last passed go first. */
function evict(): void {
  let wanted = EVICT_BATCH;
  for (let steps: u32 = 0; steps < 2 * POOL_PAGES && wanted > 0; steps++) {
    const page = poolPage(hand);
    if (load<u32>(page + OWNER) != NO_OWNER) {
      if (load<u32>(page + USED) != 0) {
        store<u32>(page + USED, 0);
      } else {
        release(hand);
        wanted--;
      }
    }
    hand = hand + 1 == POOL_PAGES ? 1 : hand + 1;
  }
  flushCodeEntries();
}

function takeSlot(): u32 {
  const used = load<u32>(POOL_USED_OFFSET);
  if (freeList == 0 && used + 1 < <u32>POOL_PAGES) {
    store<u32>(POOL_USED_OFFSET, used + 1);
    return used + 1;
  }
  if (freeList == 0) evict();
  const slot = freeList;
  freeList = load<u32>(poolPage(slot) + NEXT_FREE);
  return slot;
}

/** The page of uops for a page of RAM, made when there is none. */
export function codePage(physical: u64): u32 {
  const physicalPage = <u32>(physical >> 12);
  const entry = mapEntry(physicalPage);
  let bits: u32 = load<u16>(entry);
  if ((bits & SLOT_MASK) != 0) {
    const page = poolPage(bits & SLOT_MASK);
    store<u32>(page + USED, 1);
    return page;
  }
  if ((bits & WRITE_HINT) != 0) removeTarget(WRITE, ramAddress((<u64>physicalPage) << 12));
  const slot = takeSlot();
  store<u16>(entry, <u16>slot);
  return prepare(slot, physicalPage);
}

/** A page of uops that is decoded afresh at each entry and never found again. */
export function uncachedPage(physical: u64): u32 {
  return prepare(0, <u32>(physical >> 12));
}

/** Call before RAM is written by any way but a write TLB. */
export function beforeWrite(physical: u64): void {
  const bits: u32 = load<u16>(mapEntry(<u32>(physical >> 12)));
  if ((bits & SLOT_MASK) != 0) {
    removeTarget(EXECUTE, poolPage(bits & SLOT_MASK));
    release(bits & SLOT_MASK);
    setAttention(true);
  }
  if (load<u32>(poolPage(0) + OWNER) == <u32>(physical >> 12)) setAttention(true);
}

/** Call before a page is entered into a write TLB. It must have no uops any more. */
export function noteWritable(physical: u64): void {
  const entry = mapEntry(<u32>(physical >> 12));
  store<u16>(entry, <u16>(load<u16>(entry) | WRITE_HINT));
}

/** Drops everything. Knows what an earlier core left in the same memory. */
export function resetCodePages(): void {
  const used = load<u32>(POOL_USED_OFFSET);
  for (let slot: u32 = 1; slot <= used && slot < <u32>POOL_PAGES; slot++) {
    const owner = load<u32>(poolPage(slot) + OWNER);
    if (owner != NO_OWNER) store<u16>(mapEntry(owner), 0);
  }
  store<u32>(POOL_USED_OFFSET, 0);
  store<u32>(poolPage(0) + OWNER, NO_OWNER);
  freeList = 0;
  hand = 1;
  setAttention(true);
}
