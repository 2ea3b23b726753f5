/** Register and CSR names to numbers: architectural and ABI names, as the assembler manual spells them. */
function named(numeric: string, abi: string): ReadonlyMap<string, number> {
  const names = new Map<string, number>();
  abi.split(' ').forEach((name, number) => {
    names.set(`${numeric}${number}`, number).set(name, number);
  });
  return names;
}

export const X_REGISTERS: ReadonlyMap<string, number> = new Map([
  ...named(
    'x',
    'zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6',
  ),
  ['fp', 8],
]);

export const F_REGISTERS: ReadonlyMap<string, number> = named(
  'f',
  'ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11',
);

export const ROUNDING_MODES: ReadonlyMap<string, number> = new Map([
  ['rne', 0],
  ['rtz', 1],
  ['rdn', 2],
  ['rup', 3],
  ['rmm', 4],
  ['dyn', 7],
]);

function numbered(
  prefix: string,
  first: number,
  base: number,
  count: number,
  suffix = '',
): [string, number][] {
  return Array.from({ length: count }, (_, i) => [`${prefix}${first + i}${suffix}`, base + i]);
}

export const CSRS: ReadonlyMap<string, number> = new Map<string, number>([
  ...Object.entries({
    fflags: 0x001,
    frm: 0x002,
    fcsr: 0x003,
    sstatus: 0x100,
    sie: 0x104,
    stvec: 0x105,
    scounteren: 0x106,
    senvcfg: 0x10a,
    sscratch: 0x140,
    sepc: 0x141,
    scause: 0x142,
    stval: 0x143,
    sip: 0x144,
    stimecmp: 0x14d,
    satp: 0x180,
    mstatus: 0x300,
    misa: 0x301,
    medeleg: 0x302,
    mideleg: 0x303,
    mie: 0x304,
    mtvec: 0x305,
    mcounteren: 0x306,
    menvcfg: 0x30a,
    mcountinhibit: 0x320,
    mscratch: 0x340,
    mepc: 0x341,
    mcause: 0x342,
    mtval: 0x343,
    mip: 0x344,
    mseccfg: 0x747,
    tselect: 0x7a0,
    tdata1: 0x7a1,
    mcycle: 0xb00,
    minstret: 0xb02,
    cycle: 0xc00,
    time: 0xc01,
    instret: 0xc02,
    mvendorid: 0xf11,
    marchid: 0xf12,
    mimpid: 0xf13,
    mhartid: 0xf14,
    mconfigptr: 0xf15,
  }),
  ...numbered('pmpcfg', 0, 0x3a0, 16),
  ...numbered('pmpaddr', 0, 0x3b0, 64),
  ...numbered('mhpmevent', 3, 0x323, 29),
  ...numbered('mhpmcounter', 3, 0xb03, 29),
  ...numbered('hpmcounter', 3, 0xc03, 29),
]);
