/**
 * Addresses of the machine's network devices: those that are not given count up from 52:54:00:12:34:56, past the ones
 * in use, as QEMU gives them. The order of the devices is the command line's, so two machines of one line agree.
 */

const FIRST = Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);
const LAST = FIRST.length - 1;
const MAC = /^([0-9a-f]{2})([:-][0-9a-f]{2}){5}$/i;

export class MacAddresses {
  readonly #used: string[] = [];

  /** `text`: as given, or null. Throws when it is no address, or none is left. */
  take(text: string | null): Uint8Array {
    const mac = text === null ? this.#nextFree() : parseMac(text);
    this.#used.push(formatMac(mac));
    return mac;
  }

  release(mac: Uint8Array): void {
    const at = this.#used.indexOf(formatMac(mac));
    if (at >= 0) this.#used.splice(at, 1);
  }

  #nextFree(): Uint8Array {
    for (let last = FIRST[LAST] ?? 0; last <= 0xff; last++) {
      const mac = FIRST.slice();
      mac[LAST] = last;
      if (!this.#used.includes(formatMac(mac))) return mac;
    }
    throw new Error('all addresses that are given by themselves are in use: give mac=');
  }
}

function parseMac(text: string): Uint8Array {
  if (!MAC.test(text)) throw new Error(`Property 'virtio-net-device.mac' doesn't take value '${text}'`);
  return Uint8Array.from(text.split(/[:-]/), (byte) => Number.parseInt(byte, 16));
}

export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
