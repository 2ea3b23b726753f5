/** The hart's registers, in the order and form of QEMU's dump, those left out that we have not. */
import type { CpuState } from '../../cpu/state.js';
import type { HmpCommand } from '../command.js';

const PRIVILEGES: Readonly<Record<string, string>> = { 0: 'U', 1: 'S', 3: 'M' };
const CSRS = [
  ...['stvec', 'scounteren', 'senvcfg', 'sscratch', 'sepc', 'scause', 'stval', 'stimecmp', 'satp'],
  ...['mstatus', 'medeleg', 'mideleg', 'mie', 'mtvec', 'mcounteren', 'menvcfg', 'mcountinhibit', 'mscratch'],
  ...['mepc', 'mcause', 'mtval', 'mip', 'mcycle', 'minstret'],
] as const satisfies readonly (keyof CpuState)[];
const INTEGER = [
  ...['zero', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1', 'a0', 'a1', 'a2', 'a3', 'a4', 'a5'],
  ...['a6', 'a7', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11', 't3', 't4', 't5', 't6'],
] as const;
const FLOAT = [
  ...['ft0', 'ft1', 'ft2', 'ft3', 'ft4', 'ft5', 'ft6', 'ft7', 'fs0', 'fs1', 'fa0', 'fa1', 'fa2', 'fa3'],
  ...['fa4', 'fa5', 'fa6', 'fa7', 'fs2', 'fs3', 'fs4', 'fs5', 'fs6', 'fs7', 'fs8', 'fs9', 'fs10', 'fs11'],
  ...['ft8', 'ft9', 'ft10', 'ft11'],
] as const;
const PER_LINE = 4;

const hex = (value: bigint) => value.toString(16).padStart(16, '0');
const named = (name: string, value: string) => ` ${name.padEnd(13)} ${value}\n`;

export const infoRegisters: HmpCommand = {
  names: ['registers'],
  parameters: '[-a|vcpu]',
  help: 'show the cpu registers (of all CPUs, or of one)',
  args: [
    { kind: 'flag', letter: 'a', name: 'all' },
    { kind: 'number', name: 'vcpu', optional: true },
  ],
  run: async ({ vm, options }, args) => {
    if (options.machine.type === 'none') return 'No CPU available\n';
    const index = args.isSet('all') ? 0 : Number(args.text('vcpu'));
    return index === 0 ? dump(await vm.registers()) : `CPU#${index} not available\n`;
  },
};

function dump(state: CpuState): string {
  return [
    '\nCPU#0\n',
    named('priv', PRIVILEGES[String(state.priv)] ?? String(state.priv)),
    named('pc', hex(state.pc)),
    ...CSRS.map((name) => named(name, hex(state[name]))),
    ...state.pmpcfg.map((value, index) => named(`pmpcfg${index * 2}`, hex(value))),
    ...state.pmpaddr.map((value, index) => named(`pmpaddr${index}`, hex(value))),
    file('x', INTEGER, state.x),
    named('fcsr', hex(state.fcsr)),
    file('f', FLOAT, state.f),
  ].join('');
}

function file(letter: string, names: readonly string[], values: readonly bigint[]): string {
  const cells = names.map(
    (name, index) => ` ${`${letter}${index}/${name}`.padEnd(8)} ${hex(values[index] ?? 0n)}`,
  );
  const lines: string[] = [];
  for (let at = 0; at < cells.length; at += PER_LINE)
    lines.push(`${cells.slice(at, at + PER_LINE).join('')}\n`);
  return lines.join('');
}
