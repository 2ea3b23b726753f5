/**
 * Where everything lies in the one WebAssembly memory of a machine. Compiled twice: by tsc for the host
 * and by asc for the core, so the two cannot differ. Constants only; sizes in bytes, offsets from 0.
 *
 *   0x00000000  control words shared with the host (stop request)
 *   0x00001000  static data of the core (asconfig.json `memoryBase`)
 *   0x00010000  CPU state, 64 KiB of its own pages: layout in state-layout.ts
 *   0x00020000  software TLBs, their fill log, cache of page-crossing instructions
 *   0x00100000  map: page of RAM -> pre-decoded page
 *   0x00400000  pool of pre-decoded pages
 *   0x04000000  guest RAM
 */

/** Host to core: a byte that ends a running slice when it is 1. Any thread may store it with Atomics. */
export const STOP_REQUEST_OFFSET = 0x800;
/** How many pages of the pool are or were used since the last flush. Kept in memory, so that a new core can clean up. */
export const POOL_USED_OFFSET = 0x808;
/** Likewise, the highest of them since the memory was made. */
export const POOL_TOUCHED_OFFSET = 0x80c;

export const CPU_STATE_OFFSET = 0x10000;
export const CPU_STATE_BYTES = 0x10000;

export const TLB_OFFSET = 0x20000;
export const TLB_ENTRIES = 1024;
/** One table: entries of 16 bytes, tag u64 and addend u32. */
export const TLB_TABLE_BYTES = 0x4000;
/** One translation context has a table for reads, one for writes, one for code. */
export const TLB_CONTEXT_BYTES = 0xc000;
export const TLB_CONTEXTS = 4;
export const TLB_LOG_OFFSET = 0x50000;
export const TLB_LOG_ENTRIES = 4096;
export const CROSSING_OFFSET = 0x54000;
export const CROSSING_ENTRIES = 64;
export const CROSSING_BYTES = 32;

export const PAGE_MAP_OFFSET = 0x100000;
export const POOL_OFFSET = 0x400000;
export const POOL_PAGES = 2048;
/** 2048 uops of 8 bytes, two sentinels, a header of 16 bytes. */
export const POOL_STRIDE = 0x4020;

export const RAM_OFFSET = 0x4000000;
/** Guest-physical address of the first byte of RAM. */
export const RAM_BASE = 0x80000000;
/** 3.5 GiB: what fits behind RAM_OFFSET in a 32-bit memory, rounded down. */
export const MAX_RAM_BYTES = 3758096384;
const WASM_PAGE_BYTES = 65536;

/** Pages of WebAssembly memory for a guest with `ramSizeBytes` of RAM. */
export function wasmPages(ramSizeBytes: number): number {
  return Math.ceil((RAM_OFFSET + ramSizeBytes) / WASM_PAGE_BYTES);
}
