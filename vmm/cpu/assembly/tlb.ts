/**
 * Software TLBs: direct-mapped, one table each for reads, writes and code in each translation context.
 * The tag of an entry is the virtual page; the fast paths compare it with the page of the LAST byte of an
 * access, so accesses that cross a page miss by themselves. Only RAM is ever entered; an entry for writes
 * never points to a page that has decoded code, so that every write to code takes the slow path.
 *
 * Used entries are logged, so that a flush costs what was used and not the size of the tables.
 */
import {
  TLB_CONTEXT_BYTES,
  TLB_CONTEXTS,
  TLB_ENTRIES,
  TLB_LOG_ENTRIES,
  TLB_LOG_OFFSET,
  TLB_OFFSET,
  TLB_TABLE_BYTES,
} from '../memory-map';

export const READ: u32 = 0;
export const WRITE: u32 = 1;
export const EXECUTE: u32 = 2;

export const PAGE_MASK: u64 = ~0xfff;
const INDEX_MASK: u32 = (TLB_ENTRIES - 1) << 4;
/** No page has this tag: its low bits are set. */
const INVALID: u64 = ~0;

let logged: u32 = 0;
/** The superpages entered from since the last flush lie in here: flushing one address is not enough. */
let largeLow: u64 = ~0;
let largeHigh: u64 = 0;

/** Offset of the entry for an address inside its table. */
@inline
export function slotOf(address: u64): u32 {
  return (<u32>address >> 8) & INDEX_MASK;
}

export function flushAll(): void {
  if (logged > <u32>TLB_LOG_ENTRIES) {
    memory.fill(TLB_OFFSET, 0xff, TLB_CONTEXTS * TLB_CONTEXT_BYTES);
  } else {
    for (let i: u32 = 0; i < logged; i++) store<u64>(load<u32>(TLB_LOG_OFFSET + (i << 2)), INVALID);
  }
  logged = 0;
  largeLow = ~0;
  largeHigh = 0;
}

/** The state of the tables is not known: a new core on an old memory. */
export function resetTlb(): void {
  logged = TLB_LOG_ENTRIES + 1;
  flushAll();
}

export function flushAddress(address: u64): void {
  if (address >= largeLow && address <= largeHigh) {
    flushAll();
    return;
  }
  let entry = TLB_OFFSET + slotOf(address);
  for (let table: u32 = 0; table < <u32>TLB_CONTEXTS * 3; table++) {
    store<u64>(entry, INVALID);
    entry += TLB_TABLE_BYTES;
  }
}

/**
 * Enters 4 KiB of a page of `span` + 1 bytes. `target` is where they lie: in host memory for data, in the pool
 * for code.
 */
export function enter(context: u32, table: u32, address: u64, target: u32, span: u64): void {
  const page = address & PAGE_MASK;
  const entry = context + table * TLB_TABLE_BYTES + slotOf(address);
  if (load<u64>(entry) == INVALID) {
    if (logged < <u32>TLB_LOG_ENTRIES) store<u32>(TLB_LOG_OFFSET + (logged << 2), entry);
    if (logged <= <u32>TLB_LOG_ENTRIES) logged++;
  }
  store<u64>(entry, page);
  store<u32>(entry, table == EXECUTE ? target : target - <u32>page, 8);
  if (span > 0xfff) {
    if ((page & ~span) < largeLow) largeLow = page & ~span;
    if ((page | span) > largeHigh) largeHigh = page | span;
  }
}

/** Removes every entry of one table kind, in all contexts, that points to `target`. */
export function removeTarget(table: u32, target: u32): void {
  for (let context: u32 = 0; context < <u32>TLB_CONTEXTS; context++) {
    const start = TLB_OFFSET + context * TLB_CONTEXT_BYTES + table * TLB_TABLE_BYTES;
    for (let entry = start; entry < start + TLB_TABLE_BYTES; entry += 16) {
      const tag = load<u64>(entry);
      if (tag == INVALID) continue;
      const value = load<u32>(entry, 8) + (table == EXECUTE ? 0 : <u32>tag);
      if (value == target) store<u64>(entry, INVALID);
    }
  }
}

/** Removes all code entries: pages of the pool were given away. */
export function flushCodeEntries(): void {
  for (let context: u32 = 0; context < <u32>TLB_CONTEXTS; context++) {
    const start = TLB_OFFSET + context * TLB_CONTEXT_BYTES + EXECUTE * TLB_TABLE_BYTES;
    memory.fill(start, 0xff, TLB_TABLE_BYTES);
  }
}
