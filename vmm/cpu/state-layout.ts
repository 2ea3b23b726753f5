/**
 * Offsets of the architectural state inside the CPU state area. Compiled twice, like memory-map.ts.
 * Each value is 64 bits wide. What is not listed here (TLBs, decoded code, interrupt wires) is derived
 * again after a restore.
 */
export const STATE = 0x10000;

export const X = 0x10000; // x0..x31; x0 is never written
export const F = 0x10100; // f0..f31, NaN-boxed
export const PC = 0x10200;
export const PRIV = 0x10208; // 0 U, 1 S, 3 M
export const MSTATUS = 0x10210;
export const MTVEC = 0x10218;
export const MEDELEG = 0x10220;
export const MIDELEG = 0x10228;
export const MIE = 0x10230;
export const MIP = 0x10238; // software-writable bits only: external wires are not state
export const MCOUNTEREN = 0x10240;
export const MCOUNTINHIBIT = 0x10248;
export const MSCRATCH = 0x10250;
export const MEPC = 0x10258;
export const MCAUSE = 0x10260;
export const MTVAL = 0x10268;
export const MENVCFG = 0x10270;
export const STVEC = 0x10278;
export const SCOUNTEREN = 0x10280;
export const SENVCFG = 0x10288;
export const SSCRATCH = 0x10290;
export const SEPC = 0x10298;
export const SCAUSE = 0x102a0;
export const STVAL = 0x102a8;
export const SATP = 0x102b0;
export const STIMECMP = 0x102b8;
export const FCSR = 0x102c0; // frm in bits 7..5, fflags in bits 4..0
export const RESERVATION = 0x102c8; // physical address of the LR reservation, all ones: none
export const RESERVATION_VALUE = 0x102d0;
export const MCYCLE = 0x102d8; // while the core runs: what to add to the time-derived count
export const MINSTRET = 0x102e0; // up to date whenever the core is not running
export const PMPCFG = 0x10300; // 16 configuration bytes
export const PMPADDR = 0x10310; // 16 addresses
