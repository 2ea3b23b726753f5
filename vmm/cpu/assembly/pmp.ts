/**
 * Physical memory protection: 16 entries, granularity 4 bytes. As on QEMU's virt machine, accesses below
 * M mode that match no entry fail, so firmware must open memory before it leaves M mode.
 */
import { PMPADDR, PMPCFG } from '../state-layout';
import { MACHINE } from './hart';

export const PMP_ENTRIES: u32 = 16;
const LOCKED: u32 = 0x80;
/** Physical addresses have 56 bits. */
const PHYSICAL_END: u64 = 1 << 56;

/** Entries from here on are off. */
let active: u32 = PMP_ENTRIES;
/** The first entry opens everything to everyone: nothing needs to be looked at. */
let isOpen: bool = false;

let low: u64 = 0;
let high: u64 = 0;

/** Sets `low` and `high` (exclusive) of an entry; false when it is off. */
function range(index: u32): bool {
  const mode = (load<u8>(PMPCFG + index) >> 3) & 3;
  const address = load<u64>(PMPADDR + (index << 3));
  if (mode == 0) return false;
  if (mode == 1) {
    low = index == 0 ? 0 : load<u64>(PMPADDR + ((index - 1) << 3)) << 2;
    high = address << 2;
    return low < high;
  }
  if (mode == 2) {
    low = address << 2;
    high = low + 4;
    return true;
  }
  const span = address ^ (address + 1); // ones below and at the lowest zero
  low = (address & ~span) << 2;
  high = low + ((span + 1) << 2);
  return true;
}

/** Call when an entry has changed. */
export function updatePmp(): void {
  active = PMP_ENTRIES;
  while (active > 0 && !range(active - 1)) active--;
  isOpen = range(0) && low == 0 && high >= PHYSICAL_END && (load<u8>(PMPCFG) & 7) == 7;
}

/** `access` is 0 read, 1 write, 2 execute: bits 0, 1, 2 of a configuration byte. */
function permits(index: u32, access: u32, mode: u32): bool {
  const config: u32 = load<u8>(PMPCFG + index);
  return (mode == MACHINE && (config & LOCKED) == 0) || ((config >> access) & 1) != 0;
}

/** True when all bytes of an access are allowed. An access that straddles an entry fails. */
export function pmpAllows(physical: u64, sizeBytes: u32, access: u32, mode: u32): bool {
  if (isOpen) return true;
  for (let i: u32 = 0; i < active; i++) {
    if (!range(i)) continue;
    const startsIn = physical >= low && physical < high;
    const last = physical + sizeBytes - 1;
    const endsIn = last >= low && last < high;
    if (startsIn && endsIn) return permits(i, access, mode);
    if (startsIn || endsIn) return false;
  }
  return mode == MACHINE;
}

/** True when one answer holds for the whole page, so that a TLB may remember it. */
export function pmpUniform(physical: u64): bool {
  if (isOpen) return true;
  const start = physical & ~0xfff;
  const end = start + 0x1000;
  for (let i: u32 = 0; i < active; i++) {
    if (!range(i)) continue;
    if (low <= start && high >= end) return true;
    if (low < end && high > start) return false;
  }
  return true;
}
