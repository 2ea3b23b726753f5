/** The machine's devices and where they lie, as one list: what `info mtree` and `info qtree` show. */
import * as layout from '../../layout.js';
import type { DeviceOptions } from '../../options/options.js';
import { portsOn, SERIAL_DRIVER, serialBusOf } from '../../options/serial-ports.js';
import { info } from './info.js';

interface BoardDevice {
  /** QEMU's name of the device. */
  readonly type: string;
  /** And of its memory. */
  readonly region: string;
  readonly placement: layout.Placement;
  readonly kind: 'i/o' | 'rom';
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  /** Number of a virtio-mmio slot. */
  readonly slot?: number;
}

const VIRTIO_SLOTS: readonly BoardDevice[] = Array.from({ length: layout.VIRTIO_MMIO_COUNT }, (_, index) => ({
  type: 'virtio-mmio',
  region: 'virtio-mmio',
  placement: layout.virtioMmio(index),
  kind: 'i/o',
  slot: index,
}));

const DEVICES: readonly BoardDevice[] = [
  { type: 'rom', region: 'riscv_virt_board.mrom', placement: layout.RESET_ROM, kind: 'rom' },
  { type: 'riscv.sifive.test', region: 'riscv.sifive.test', placement: layout.TEST_FINISHER, kind: 'i/o' },
  { type: 'goldfish_rtc', region: 'goldfish_rtc', placement: layout.RTC, kind: 'i/o' },
  {
    type: 'riscv.aclint.mtimer',
    region: 'riscv.aclint',
    placement: layout.CLINT,
    kind: 'i/o',
    properties: { 'num-harts': 1, 'timebase-freq': layout.TIMEBASE_HZ },
  },
  {
    type: 'riscv.sifive.plic',
    region: 'riscv.sifive.plic',
    placement: layout.PLIC,
    kind: 'i/o',
    properties: { 'hart-config': 'MS', 'num-sources': 96 },
  },
  { type: 'serial-mm', region: 'serial', placement: layout.UART0, kind: 'i/o' },
  ...VIRTIO_SLOTS,
];

const hex = (value: number) => value.toString(16).padStart(16, '0');

function regionLine(base: number, sizeBytes: number, kind: string, name: string): string {
  return `    ${hex(base)}-${hex(base + sizeBytes - 1)} (prio 0, ${kind}): ${name}\n`;
}

export const infoMtree = info('mtree', 'show memory tree', ({ memory }) => {
  const devices = DEVICES.map(({ placement: { base, sizeBytes }, kind, region }) => ({
    base,
    line: regionLine(base, sizeBytes, kind, region),
  }));
  const ram = {
    base: layout.RAM_BASE_ADDRESS,
    line: regionLine(layout.RAM_BASE_ADDRESS, memory.sizeBytes, 'ram', memory.backendId),
  };
  const lines = [...devices, ram].sort((left, right) => left.base - right.base).map(({ line }) => line);
  return [
    'address-space: cpu-memory-0\n',
    'address-space: memory\n',
    '  0000000000000000-ffffffffffffffff (prio 0, container): system\n',
    ...lines,
    '\n',
  ].join('');
});

export const infoQtree = info('qtree', 'show device tree', ({ options }) => {
  const devices = DEVICES.filter(({ kind }) => kind === 'i/o').map(
    (device) => deviceLines(device) + slotLines(device, options.devices),
  );
  return `bus: main-system-bus\n  type System\n${devices.join('')}`;
});

/** The bus of a slot, with the device in it and the ports on that. */
function slotLines({ slot }: BoardDevice, all: readonly DeviceOptions[]): string {
  if (slot === undefined) return '';
  const device = all.find((other) => other.slot === slot);
  const lines = [`    bus: virtio-mmio-bus.${slot}`, '      type virtio-mmio-bus'];
  if (device !== undefined) lines.push(...addedLines(device, 6));
  if (device?.driver === SERIAL_DRIVER) {
    lines.push(`        bus: ${serialBusOf(device, all)}`, '          type virtio-serial-bus');
    lines.push(...portsOn(device, all).flatMap((port) => addedLines(port, 10)));
  }
  return lines.map((line) => `${line}\n`).join('');
}

function addedLines({ driver, id, values }: DeviceOptions, indent: number): string[] {
  const properties = Object.entries(values).map(
    ([name, value]) => `  ${name} = ${JSON.stringify(value ?? '')}`,
  );
  const lines = [`dev: ${driver}, id ${JSON.stringify(id ?? '')}`, ...properties];
  return lines.map((line) => ' '.repeat(indent) + line);
}

function deviceLines({ type, placement, properties = {} }: BoardDevice): string {
  const lines = [`  dev: ${type}, id ""`];
  if (placement.irq !== undefined) lines.push('    gpio-out "sysbus-irq" 1');
  for (const [name, value] of Object.entries(properties))
    lines.push(`    ${name} = ${JSON.stringify(value)}`);
  lines.push(`    mmio ${hex(placement.base)}/${hex(placement.sizeBytes)}`);
  return lines.map((line) => `${line}\n`).join('');
}
