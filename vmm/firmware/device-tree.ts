/**
 * The device tree of the machine: the nodes QEMU's riscv64 `virt` machine has for the devices there are,
 * with the same names, addresses and interrupts, so that a guest finds the same machine.
 */
import { CPU_EXTENSIONS, CPU_LETTERS } from '../cpu/extensions.js';
import {
  CLINT,
  PLIC,
  type Placement,
  RAM_BASE_ADDRESS,
  RTC,
  TEST_FINISHER,
  TIMEBASE_HZ,
  UART_CLOCK_HZ,
  UART0,
  VIRTIO_MMIO_COUNT,
  virtioMmio,
} from '../layout.js';
import type { FdtNode, FdtValue } from './fdt.js';
import { fdtNode } from './fdt.js';

const CPU_PHANDLE = 1;
const CPU_INTC_PHANDLE = 2;
const PLIC_PHANDLE = 3;
const TEST_PHANDLE = 4;

const ISA_EXTENSIONS = [...CPU_LETTERS, ...CPU_EXTENSIONS];
const ISA = [`rv64${CPU_LETTERS.join('')}`, ...CPU_EXTENSIONS].join('_');
const SERIAL_PATH = `/soc/${unitName('serial', UART0)}`;
/** Interrupts at the hart: software, timer and external, for machine and supervisor mode. */
const MACHINE_SOFTWARE = 3;
const MACHINE_TIMER = 7;
const SUPERVISOR_EXTERNAL = 9;
const MACHINE_EXTERNAL = 11;
/** Interrupt sources besides number 0, which does not exist. */
const PLIC_NDEV = 95;

export interface ChosenSettings {
  readonly bootargs: string | null;
  readonly initrd: { readonly start: number; readonly end: number } | null;
  readonly rngSeed: Uint8Array;
}

export function buildDeviceTree(ramSizeBytes: number, chosen: ChosenSettings): FdtNode {
  const root = {
    '#address-cells': [2],
    '#size-cells': [2],
    compatible: 'riscv-virtio',
    model: 'riscv-virtio,qemu',
  };
  return fdtNode('', root, [
    fdtNode('aliases', { serial0: SERIAL_PATH }),
    fdtNode('chosen', { 'stdout-path': SERIAL_PATH, ...chosenProperties(chosen) }),
    syscon('poweroff', 0x5555),
    syscon('reboot', 0x7777),
    fdtNode(`memory@${RAM_BASE_ADDRESS.toString(16)}`, {
      device_type: 'memory',
      reg: reg({ base: RAM_BASE_ADDRESS, sizeBytes: ramSizeBytes }),
    }),
    cpus(),
    soc(),
  ]);
}

/** A tree of the user's own: only what the loader decided is written into its `chosen` node. */
export function withChosen(root: FdtNode, chosen: ChosenSettings): FdtNode {
  const old = root.children.find(({ name }) => name === 'chosen');
  const properties = new Map([...(old?.properties ?? []), ...Object.entries(chosenProperties(chosen))]);
  const others = root.children.filter((child) => child !== old);
  return { ...root, children: [...others, { name: 'chosen', properties, children: old?.children ?? [] }] };
}

function chosenProperties({ bootargs, initrd, rngSeed }: ChosenSettings): Record<string, FdtValue> {
  return {
    'rng-seed': rngSeed,
    ...(bootargs === null ? {} : { bootargs }),
    ...(initrd === null
      ? {}
      : { 'linux,initrd-start': cells64(initrd.start), 'linux,initrd-end': cells64(initrd.end) }),
  };
}

function syscon(name: string, value: number): FdtNode {
  const compatible = `syscon-${name}`;
  return fdtNode(name, { value: [value], offset: [0], regmap: [TEST_PHANDLE], compatible });
}

function cpus(): FdtNode {
  const cpu = {
    phandle: [CPU_PHANDLE],
    device_type: 'cpu',
    reg: [0],
    status: 'okay',
    compatible: 'riscv',
    'riscv,isa': ISA,
    'riscv,isa-base': 'rv64i',
    'riscv,isa-extensions': ISA_EXTENSIONS,
    'mmu-type': 'riscv,sv39',
  };
  const interruptController = fdtNode('interrupt-controller', {
    '#interrupt-cells': [1],
    'interrupt-controller': null,
    compatible: 'riscv,cpu-intc',
    phandle: [CPU_INTC_PHANDLE],
  });
  const core0 = fdtNode('core0', { cpu: [CPU_PHANDLE] });
  return fdtNode('cpus', { '#address-cells': [1], '#size-cells': [0], 'timebase-frequency': [TIMEBASE_HZ] }, [
    fdtNode('cpu@0', cpu, [interruptController]),
    fdtNode('cpu-map', {}, [fdtNode('cluster0', {}, [core0])]),
  ]);
}

function soc(): FdtNode {
  const slots = Array.from({ length: VIRTIO_MMIO_COUNT }, (_, index) => {
    const slot = virtioMmio(index);
    return device('virtio_mmio', slot, { ...interrupt(slot.irq), compatible: 'virtio,mmio' });
  });
  const properties = { '#address-cells': [2], '#size-cells': [2], compatible: 'simple-bus', ranges: null };
  return fdtNode('soc', properties, [
    device('rtc', RTC, { ...interrupt(RTC.irq), compatible: 'google,goldfish-rtc' }),
    device('serial', UART0, {
      ...interrupt(UART0.irq),
      'clock-frequency': [UART_CLOCK_HZ],
      compatible: 'ns16550a',
    }),
    device('test', TEST_FINISHER, {
      phandle: [TEST_PHANDLE],
      compatible: ['sifive,test1', 'sifive,test0', 'syscon'],
    }),
    // QEMU's order, last slot first: Linux numbers its disks by it.
    ...slots.reverse(),
    device('interrupt-controller', PLIC, {
      phandle: [PLIC_PHANDLE],
      'riscv,ndev': [PLIC_NDEV],
      'interrupts-extended': [CPU_INTC_PHANDLE, MACHINE_EXTERNAL, CPU_INTC_PHANDLE, SUPERVISOR_EXTERNAL],
      'interrupt-controller': null,
      compatible: ['sifive,plic-1.0.0', 'riscv,plic0'],
      '#address-cells': [0],
      '#interrupt-cells': [1],
    }),
    device('clint', CLINT, {
      'interrupts-extended': [CPU_INTC_PHANDLE, MACHINE_SOFTWARE, CPU_INTC_PHANDLE, MACHINE_TIMER],
      compatible: ['sifive,clint0', 'riscv,clint0'],
    }),
  ]);
}

function device(name: string, placement: Placement, properties: Record<string, FdtValue>): FdtNode {
  return fdtNode(unitName(name, placement), { reg: reg(placement), ...properties });
}

function interrupt(irq: number): Record<string, FdtValue> {
  return { interrupts: [irq], 'interrupt-parent': [PLIC_PHANDLE] };
}

function unitName(name: string, { base }: Placement): string {
  return `${name}@${base.toString(16)}`;
}

function reg({ base, sizeBytes }: Placement): number[] {
  return [...cells64(base), ...cells64(sizeBytes)];
}

function cells64(value: number): number[] {
  return [Math.floor(value / 2 ** 32), value % 2 ** 32];
}
