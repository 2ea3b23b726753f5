/**
 * The guest CPU: one RV64GC hart with M, S and U mode, Sv39, PMP and Sstc. This is the interface that
 * vmm/cpu/core.ts wraps; what a function needs of the state it finds in the shared memory.
 */
import { MCYCLE, MIE } from '../state-layout';
import { beforeWrite, isRam, resetCodePages } from './code-pages';
import { csrValue, cycles, readCsr, setCycles, writeCsr } from './csr';
import { setAttention, setOptions, updateContext } from './hart';
import { updatePmp } from './pmp';
import { resetTlb } from './tlb';
import { hasStimecmp, IP_STIP, pendingBits, refreshTimer, setWire } from './trap';

export { run } from './execute';
export { cycles, setWire };

/** Once per instance, before anything else. */
export function initialize(withSbi: u32, hart: u32, ramPages: u32): void {
  setOptions(withSbi != 0, hart, (<u64>ramPages) << 12);
  flush();
}

/** The architectural state was replaced: mcycle in it is a value and becomes an offset to time. */
export function restored(): void {
  setCycles(load<u64>(MCYCLE));
  updateContext();
  updatePmp();
  flush();
  refreshTimer();
}

/** Drops all decoded code and translations. */
export function flush(): void {
  resetTlb();
  resetCodePages();
}

/** The host wrote RAM: drops decoded code of the pages touched. */
export function flushRange(firstPage: u32, pages: u32): void {
  for (let i: u32 = 0; i < pages; i++) {
    const address = (<u64>(firstPage + i)) << 12;
    if (isRam(address)) beforeWrite(address);
  }
}

/** Raised by the host from inside a callback: the loop looks at the stop request at once. */
export function raiseAttention(): void {
  setAttention(true);
}

export function hasPending(): u32 {
  refreshTimer();
  return (pendingBits() & load<u64>(MIE)) != 0 ? 1 : 0;
}

/** 1 and the value in `lastCsr`, or 0. */
export function hostReadCsr(number: u32): u32 {
  return readCsr(number) ? 1 : 0;
}

export function lastCsr(): u64 {
  return csrValue;
}

export function hostWriteCsr(number: u32, value: u64): u32 {
  return writeCsr(number, value) ? 1 : 0;
}

/** The host changed privilege or mstatus in memory. */
export function contextChanged(): void {
  updateContext();
}

/** True when the stimecmp comparator exists for the guest and its interrupt is enabled in mie. */
export function canStimecmpWake(): u32 {
  return hasStimecmp() && (load<u64>(MIE) & IP_STIP) != 0 ? 1 : 0;
}
