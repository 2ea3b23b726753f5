/**
 * What the core asks of the host. Everything crosses as 32-bit integers or doubles: BigInt would triple
 * the cost of a call. None of these may throw.
 */

/** Device read; `width` is 1, 2 or 4. */
@external('host', 'mmioRead')
export declare function mmioRead(address: u32, width: u32): u32;

@external('host', 'mmioWrite')
export declare function mmioWrite(address: u32, width: u32, value: u32): void;

/** The `time` CSR: 10 MHz, an integer in a double. */
@external('host', 'ticks')
export declare function ticks(): f64;

/** FENCE.I. The host may flush decoded code. */
@external('host', 'fence')
export declare function fence(): void;

/** 1 when a device answers at this address. */
@external('host', 'isMmio')
export declare function isMmio(address: u32): u32;
