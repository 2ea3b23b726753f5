/**
 * SiFive test finisher, compatible "sifive,test1", "sifive,test0", "syscon": a guest ends or resets the
 * machine by one store. The device tree's `poweroff` and `reboot` nodes point here. No state.
 */
import type { AccessWidth, GuestErrors, MmioDevice } from './device.js';

const STATUS = 0x0; // WO  bits 15..0 what to do, bits 31..16 exit code of a failure

const FAIL = 0x3333;
const PASS = 0x5555;
const RESET = 0x7777;

export interface FinisherEvents {
  /** The guest is done: `exitCode` 0 for a pass, what it said for a failure. */
  finish(passed: boolean, exitCode: number): void;
  reset(): void;
}

export class TestFinisher implements MmioDevice {
  readonly #events: FinisherEvents;
  readonly #errors: GuestErrors;

  constructor(events: FinisherEvents, errors: GuestErrors) {
    this.#events = events;
    this.#errors = errors;
  }

  read(offset: number): number {
    if (offset !== STATUS) this.#errors.invalidRead('test', offset);
    return 0;
  }

  write(offset: number, _width: AccessWidth, value: number): void {
    const command = value & 0xffff;
    if (offset === STATUS && command === PASS) this.#events.finish(true, 0);
    else if (offset === STATUS && command === FAIL) this.#events.finish(false, value >>> 16);
    else if (offset === STATUS && command === RESET) this.#events.reset();
    else this.#errors.invalidWrite('test', offset, value);
  }
}
