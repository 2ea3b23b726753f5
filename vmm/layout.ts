/**
 * The guest-physical map of the machine: addresses, sizes and interrupt numbers of QEMU's riscv64 `virt`
 * machine, for the devices there are. Numbers only.
 */

export interface Placement {
  readonly base: number;
  readonly sizeBytes: number;
  /** Source number at the PLIC. */
  readonly irq?: number;
}

export const RESET_ROM = { base: 0x1000, sizeBytes: 0xf000 } as const;
export const TEST_FINISHER = { base: 0x100000, sizeBytes: 0x1000 } as const;
export const RTC = { base: 0x101000, sizeBytes: 0x1000, irq: 11 } as const;
export const CLINT = { base: 0x2000000, sizeBytes: 0x10000 } as const;
export const PLIC = { base: 0xc000000, sizeBytes: 0x600000 } as const;
export const UART0 = { base: 0x10000000, sizeBytes: 0x100, irq: 10 } as const;
export const RAM_BASE_ADDRESS = 0x80000000;

export const TIMEBASE_HZ = 10_000_000;
/** Nanoseconds per tick of the `time` CSR and `mtime`. */
export const TICK_NS = 100;
/** Input clock of the UART, as the device tree says it. */
export const UART_CLOCK_HZ = 3_686_400;

export const VIRTIO_MMIO_COUNT = 8;
const VIRTIO_MMIO = { base: 0x10001000, sizeBytes: 0x1000, irq: 1 } as const;

export function virtioMmio(index: number): Required<Placement> {
  const { base, sizeBytes, irq } = VIRTIO_MMIO;
  return { base: base + index * sizeBytes, sizeBytes, irq: irq + index };
}

/** Kernels start here; what is below belongs to firmware. */
export const KERNEL_OFFSET_BYTES = 0x200000;
