/**
 * The devices of the board and how they are wired, built from their states: the only list of them. What is plugged into
 * its virtio-mmio slots is another's.
 */
import { Bus, type Region } from '../bus/bus.js';
import type { TimerState, VirtualClock } from '../bus/virtual-clock.js';
import type { InterruptLine } from '../cpu/core.js';
import type { CpuState } from '../cpu/state.js';
import { CLINT_RESET, Clint, type ClintState } from '../devices/clint.js';
import type { GuestErrors, IrqLine, TimedDevice } from '../devices/device.js';
import { GOLDFISH_RTC_RESET, GoldfishRtc, type GoldfishRtcState } from '../devices/goldfish-rtc.js';
import { PLIC_RESET, Plic, type PlicState } from '../devices/plic.js';
import { Rom } from '../devices/rom.js';
import { TestFinisher } from '../devices/test-finisher.js';
import { Uart16550 } from '../devices/uart16550.js';
import { UART16550_RESET, type Uart16550State } from '../devices/uart16550-state.js';
import type { Boot } from '../firmware/boot.js';
import type { SbiEvents } from '../firmware/sbi.js';
import * as layout from '../layout.js';
import type { SerialPort } from './serial-port.js';
import { VIRTIO_IRQS, type VirtioSlots } from './virtio-slots.js';

export interface MachineState {
  readonly timer: TimerState;
  readonly cpu: CpuState;
  readonly clint: ClintState;
  readonly plic: PlicState;
  readonly uart: Uart16550State;
  readonly rtc: GoldfishRtcState;
}

export interface Board {
  readonly clint: Clint;
  readonly plic: Plic;
  readonly uart: Uart16550;
  readonly rtc: GoldfishRtc;
  readonly timed: readonly TimedDevice[];
  readonly bus: Bus;
}

export type BoardState = Omit<MachineState, 'timer' | 'cpu'>;

/** What the board is wired to. */
export interface Surroundings {
  readonly clock: VirtualClock;
  readonly serial: SerialPort;
  readonly boot: Boot;
  readonly events: SbiEvents;
  readonly errors: GuestErrors;
  readonly virtio: VirtioSlots;
  /** A wire to the hart. */
  line(line: InterruptLine): IrqLine;
}

/** What devices are at power-on. */
export const BOARD_RESET = {
  clint: CLINT_RESET,
  plic: PLIC_RESET,
  uart: UART16550_RESET,
  rtc: GOLDFISH_RTC_RESET,
} as const;

export function buildBoard(
  { clock, serial, boot, events, errors, virtio, line }: Surroundings,
  states: BoardState,
  virtioStateOf: Parameters<VirtioSlots['build']>[1],
): Board {
  const plic = new Plic({ meip: line('meip'), seip: line('seip') }, errors, states.plic);
  const clint = new Clint(clock, { msip: line('msip'), mtip: line('mtip') }, errors, states.clint);
  const uart = new Uart16550(plic.line(layout.UART0.irq), serial, errors, states.uart);
  const rtc = new GoldfishRtc(plic.line(layout.RTC.irq), clock, errors, states.rtc);
  const finisher = new TestFinisher(events, errors);
  serial.connect(uart);
  const regions: Region[] = [
    region('rom', layout.RESET_ROM, [1, 2, 4], new Rom(boot.rom, errors)),
    region('test', layout.TEST_FINISHER, [2, 4], finisher),
    region('rtc', layout.RTC, [4], rtc),
    region('clint', layout.CLINT, [4], clint),
    region('plic', layout.PLIC, [4], plic),
    region('serial', layout.UART0, [1, 2, 4], uart),
  ];
  virtio.build(
    VIRTIO_IRQS.map((irq) => plic.line(irq)),
    virtioStateOf,
  );
  for (let index = 0; index < layout.VIRTIO_MMIO_COUNT; index++) {
    const registers = virtio.registers(index);
    regions.push(region(`virtio-mmio${index}`, layout.virtioMmio(index), [1, 2, 4], registers));
  }
  return { clint, plic, uart, rtc, timed: [clint, rtc], bus: new Bus(regions, errors) };
}

function region(
  name: string,
  placement: Region['placement'],
  widths: Region['widths'],
  device: Region['device'],
): Region {
  return { name, placement, widths, device };
}
