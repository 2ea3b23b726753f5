/**
 * Virtio over MMIO (virtio 1.2, section 4.2): a transport with no device behind it. It says what it is and
 * that there is nothing (device id 0), so drivers leave it alone; every other register reads 0 and writes
 * are ignored, as the specification asks of an empty slot. No state.
 */
import type { MmioDevice } from '../device.js';

const MAGIC_VALUE = 0x000; // RO  "virt"
const VERSION = 0x004; // RO  2: not the legacy interface
const VENDOR_ID = 0x00c; // RO  "QEMU", which drivers print

const MAGIC = 0x74726976;
const VENDOR = 0x554d4551;

export class EmptyVirtioMmio implements MmioDevice {
  read(offset: number): number {
    if (offset === MAGIC_VALUE) return MAGIC;
    if (offset === VERSION) return 2;
    return offset === VENDOR_ID ? VENDOR : 0;
  }

  write(): void {}
}
