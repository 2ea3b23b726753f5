/**
 * Goldfish RTC, compatible "google,goldfish-rtc": nanoseconds since 1970, which the guest can set, and an
 * alarm. It follows the host's wall clock, also while the VM is stopped.
 *
 * State is that of QEMU's version 3: the offset from the wall clock, and beside it, for readers that are
 * older, the offset from guest time, which is worked out when saving and not looked at when loading.
 */
import type { StateDescription } from '../state/description.js';
import type { Clock, GuestErrors, IrqLine, MmioDevice, StatefulDevice, TimedDevice } from './device.js';

const TIME_LOW = 0x00; // RW  reading latches the upper half
const TIME_HIGH = 0x04; // RW  the latched half
const ALARM_LOW = 0x08; // RW  writing arms the alarm
const ALARM_HIGH = 0x0c; // RW  write first
const IRQ_ENABLED = 0x10; // RW  bit 0
const CLEAR_ALARM = 0x14; // WO
const ALARM_STATUS = 0x18; // RO  1: armed
const CLEAR_INTERRUPT = 0x1c; // WO

export interface GoldfishRtcState {
  /** RTC time less guest time, in nanoseconds modulo 2^64; only saved. */
  readonly tick_offset_vmstate: bigint;
  readonly alarm_next: bigint;
  readonly alarm_running: number;
  readonly irq_pending: number;
  readonly irq_enabled: number;
  readonly time_high: number;
  /** RTC time less the host's wall clock, in nanoseconds modulo 2^64. */
  readonly tick_offset: bigint;
}

/** After a reset the RTC shows the host's wall clock. */
export const GOLDFISH_RTC_RESET: GoldfishRtcState = {
  tick_offset_vmstate: 0n,
  alarm_next: 0n,
  alarm_running: 0,
  irq_pending: 0,
  irq_enabled: 0,
  time_high: 0,
  tick_offset: 0n,
};

export const GOLDFISH_RTC_STATE: StateDescription<GoldfishRtcState> = {
  name: 'goldfish_rtc',
  version: 3,
  minimumVersion: 3,
  fields: [
    { name: 'tick_offset_vmstate', type: 'uint64' },
    { name: 'alarm_next', type: 'uint64' },
    { name: 'alarm_running', type: 'uint32' },
    { name: 'irq_pending', type: 'uint32' },
    { name: 'irq_enabled', type: 'uint32' },
    { name: 'time_high', type: 'uint32' },
    { name: 'tick_offset', type: 'uint64' },
  ],
  reset: GOLDFISH_RTC_RESET,
  validate: ({ alarm_running, irq_pending, irq_enabled }) =>
    Math.max(alarm_running, irq_pending, irq_enabled) > 1
      ? 'alarm_running, irq_pending and irq_enabled are 0 or 1'
      : null,
};

const LOW_MASK = 0xffff_ffffn;

export class GoldfishRtc implements MmioDevice, StatefulDevice<GoldfishRtcState>, TimedDevice {
  readonly #irq: IrqLine;
  readonly #clock: Clock;
  readonly #errors: GuestErrors;
  /** RTC time less the host's wall clock. */
  #offsetNs: bigint;
  #alarmNs: bigint;
  #alarmRunning: boolean;
  #irqPending: boolean;
  #irqEnabled: boolean;
  #timeHigh: number;

  constructor(irq: IrqLine, clock: Clock, errors: GuestErrors, state: GoldfishRtcState = GOLDFISH_RTC_RESET) {
    this.#irq = irq;
    this.#clock = clock;
    this.#errors = errors;
    this.#offsetNs = state.tick_offset;
    this.#alarmNs = state.alarm_next;
    this.#alarmRunning = state.alarm_running === 1;
    this.#irqPending = state.irq_pending === 1;
    this.#irqEnabled = state.irq_enabled === 1;
    this.#timeHigh = state.time_high;
    this.#wire();
  }

  read(offset: number): number {
    switch (offset) {
      case TIME_LOW: {
        const now = this.#nowNs();
        this.#timeHigh = Number(now >> 32n);
        return Number(now & LOW_MASK);
      }
      case TIME_HIGH:
        return this.#timeHigh;
      case ALARM_LOW:
        return Number(this.#alarmNs & LOW_MASK);
      case ALARM_HIGH:
        return Number(this.#alarmNs >> 32n);
      case IRQ_ENABLED:
        return this.#irqEnabled ? 1 : 0;
      case ALARM_STATUS:
        return this.#alarmRunning ? 1 : 0;
      default:
        this.#errors.invalidRead('rtc', offset);
        return 0;
    }
  }

  write(offset: number, _width: number, value: number): void {
    const part = BigInt(value);
    switch (offset) {
      case TIME_LOW:
        this.#setNow((this.#nowNs() & ~LOW_MASK) | part);
        return;
      case TIME_HIGH:
        this.#setNow((this.#nowNs() & LOW_MASK) | (part << 32n));
        return;
      case ALARM_LOW:
        this.#alarmNs = BigInt.asUintN(64, (this.#alarmNs & ~LOW_MASK) | part);
        this.#alarmRunning = true;
        this.tick();
        return;
      case ALARM_HIGH:
        this.#alarmNs = (this.#alarmNs & LOW_MASK) | (part << 32n);
        return;
      case IRQ_ENABLED:
        this.#irqEnabled = (value & 1) === 1;
        this.#wire();
        return;
      case CLEAR_ALARM:
        this.#alarmRunning = false;
        return;
      case CLEAR_INTERRUPT:
        this.#irqPending = false;
        this.#wire();
        return;
      default:
        this.#errors.invalidWrite('rtc', offset, value);
    }
  }

  deadlineNs(): number {
    if (!this.#alarmRunning) return Number.POSITIVE_INFINITY;
    return this.#clock.nowNs() + Number(this.#alarmNs - this.#nowNs());
  }

  tick(): void {
    if (!this.#alarmRunning || this.#nowNs() < this.#alarmNs) return;
    this.#alarmRunning = false;
    this.#irqPending = true;
    this.#wire();
  }

  save(): GoldfishRtcState {
    const fromGuestTime = this.#nowNs() - virtualNs(this.#clock);
    return {
      tick_offset_vmstate: BigInt.asUintN(64, fromGuestTime),
      alarm_next: this.#alarmNs,
      alarm_running: this.#alarmRunning ? 1 : 0,
      irq_pending: this.#irqPending ? 1 : 0,
      irq_enabled: this.#irqEnabled ? 1 : 0,
      time_high: this.#timeHigh,
      tick_offset: this.#offsetNs,
    };
  }

  #nowNs(): bigint {
    return BigInt.asUintN(64, wallNs(this.#clock) + this.#offsetNs);
  }

  #setNow(ns: bigint): void {
    this.#offsetNs = BigInt.asUintN(64, ns - wallNs(this.#clock));
  }

  #wire(): void {
    this.#irq.set(this.#irqPending && this.#irqEnabled);
  }
}

function wallNs(clock: Clock): bigint {
  return BigInt(clock.wallSeconds()) * 1_000_000_000n + BigInt(clock.wallNanoseconds());
}

function virtualNs(clock: Clock): bigint {
  return BigInt(Math.floor(clock.nowNs()));
}
