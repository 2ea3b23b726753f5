/**
 * NS16550A UART: receive FIFO with trigger levels, interrupts by priority, loopback, divisor latch.
 *
 * Not emulated: the time that bytes take. A byte written is sent at once, so the transmit FIFO is always
 * empty, and the receive timeout has always passed: bytes below the trigger level interrupt right away.
 * Modem inputs always say "connected" unless looped back; parity, framing and break never happen.
 */
import type { GuestErrors, IrqLine, MmioDevice, StatefulDevice } from './device.js';
import type { Uart16550State } from './uart16550-state.js';
import { FIFO_BYTES, LSR_EMPTY, UART16550_RESET } from './uart16550-state.js';

const DATA = 0; // RBR RO, THR WO; with DLAB: DLL RW
const IER = 1; // RW; with DLAB: DLM RW
const IIR_FCR = 2; // IIR RO, FCR WO
const LCR = 3; // RW
const MCR = 4; // RW
const LSR = 5; // RO
const MSR = 6; // RO
const SCR = 7; // RW

const IER_RECEIVED = 0x01;
const IER_THR_EMPTY = 0x02;
const IER_LINE_STATUS = 0x04;
const IER_MODEM_STATUS = 0x08;

const IIR_NONE = 0x01;
const IIR_MODEM_STATUS = 0x00;
const IIR_THR_EMPTY = 0x02;
const IIR_RECEIVED = 0x04;
const IIR_LINE_STATUS = 0x06;
const IIR_TIMEOUT = 0x0c;
const IIR_ID_MASK = 0x0f;
const IIR_FIFOS_ENABLED = 0xc0;

const FCR_ENABLE = 0x01;
const FCR_CLEAR_RECEIVE = 0x02;
const FCR_KEPT = 0xc9; // trigger level, DMA mode, enable; the rest clears itself
const TRIGGER_LEVELS = [1, 4, 8, 14] as const;

const LCR_DLAB = 0x80;
const MCR_WRITABLE = 0x1f;
const MCR_LOOPBACK = 0x10;
const LSR_DATA_READY = 0x01;
const LSR_OVERRUN = 0x02;
const LSR_ERRORS = 0x1e;
const MSR_DELTAS = 0x0f;
const MSR_LEVELS = 0xf0;

/** The wire out of the chip and the wish for more input. */
export interface UartPort {
  send(byte: number): void;
  /** The receiver has room again. */
  readyForInput(): void;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class Uart16550 implements MmioDevice, StatefulDevice<Uart16550State> {
  readonly #irq: IrqLine;
  readonly #port: UartPort;
  readonly #errors: GuestErrors;
  readonly #state: Mutable<Uart16550State>;

  constructor(irq: IrqLine, port: UartPort, errors: GuestErrors, state: Uart16550State = UART16550_RESET) {
    this.#irq = irq;
    this.#port = port;
    this.#errors = errors;
    this.#state = { ...state, recv_fifo_data: state.recv_fifo_data.slice() };
    this.#update();
  }

  /** How many bytes `receive` takes now. In loopback the line in is cut off. */
  get room(): number {
    if (this.#isLooped) return 0;
    return (this.#fifoEnabled ? FIFO_BYTES : 1) - this.#state.recv_fifo_num;
  }

  get isEmpty(): boolean {
    return this.#state.recv_fifo_num === 0;
  }

  /** A byte from the line; the caller keeps to `room`. */
  receive(byte: number): void {
    this.#push(byte);
    this.#update();
  }

  read(offset: number): number {
    const state = this.#state;
    switch (offset) {
      case DATA:
        return this.#dlab ? state.divider & 0xff : this.#readData();
      case IER:
        return this.#dlab ? state.divider >> 8 : state.ier;
      case IIR_FCR:
        return this.#readIir();
      case LCR:
        return state.lcr;
      case MCR:
        return state.mcr;
      case LSR:
        return this.#readLsr();
      case MSR:
        return this.#readMsr();
      case SCR:
        return state.scr;
      default:
        this.#errors.invalidRead('serial', offset);
        return 0;
    }
  }

  write(offset: number, _width: number, value: number): void {
    const state = this.#state;
    const byte = value & 0xff;
    switch (offset) {
      case DATA:
        if (this.#dlab) this.#setDivider((state.divider & 0xff00) | byte);
        else this.#writeData(byte);
        return;
      case IER:
        if (this.#dlab) this.#setDivider((state.divider & 0xff) | (byte << 8));
        else this.#writeIer(byte);
        return;
      case IIR_FCR:
        this.#writeFcr(byte);
        return;
      case LCR:
        state.lcr = byte;
        return;
      case MCR:
        this.#writeMcr(byte);
        return;
      case SCR:
        state.scr = byte;
        return;
      case LSR:
      case MSR:
        return;
      default:
        this.#errors.invalidWrite('serial', offset, value);
    }
  }

  /** The FIFO is saved in the order it will be read; bytes that were read are not in it any more. */
  save(): Uart16550State {
    const { recv_fifo_data, recv_fifo_head, recv_fifo_num } = this.#state;
    const data = new Uint8Array(FIFO_BYTES);
    for (let at = 0; at < recv_fifo_num; at++) {
      data[at] = recv_fifo_data[(recv_fifo_head + at) % FIFO_BYTES] ?? 0;
    }
    return { ...this.#state, recv_fifo_data: data, recv_fifo_head: 0 };
  }

  get #dlab(): boolean {
    return (this.#state.lcr & LCR_DLAB) !== 0;
  }

  get #isLooped(): boolean {
    return (this.#state.mcr & MCR_LOOPBACK) !== 0;
  }

  get #fifoEnabled(): boolean {
    return (this.#state.fcr_vmstate & FCR_ENABLE) !== 0;
  }

  #setDivider(divider: number): void {
    this.#state.divider = divider;
  }

  #readData(): number {
    const state = this.#state;
    if (state.recv_fifo_num > 0) {
      state.rbr = state.recv_fifo_data[state.recv_fifo_head] ?? 0;
      state.recv_fifo_head = (state.recv_fifo_head + 1) % FIFO_BYTES;
      state.recv_fifo_num--;
      this.#update();
      if (!this.#isLooped) this.#port.readyForInput();
    }
    return state.rbr;
  }

  #writeData(byte: number): void {
    if (this.#isLooped) this.#push(byte);
    else this.#port.send(byte);
    this.#state.thr_ipending = 1;
    this.#update();
  }

  #push(byte: number): void {
    const state = this.#state;
    const capacity = this.#fifoEnabled ? FIFO_BYTES : 1;
    if (state.recv_fifo_num >= capacity) {
      state.lsr |= LSR_OVERRUN;
      return;
    }
    state.recv_fifo_data[(state.recv_fifo_head + state.recv_fifo_num) % FIFO_BYTES] = byte;
    state.recv_fifo_num++;
  }

  /** Enabling the interrupt while the transmitter is empty, which it always is, raises it. */
  #writeIer(byte: number): void {
    const state = this.#state;
    const turnedOn = byte & ~state.ier;
    state.ier = byte & 0x0f;
    if ((turnedOn & IER_THR_EMPTY) !== 0) state.thr_ipending = 1;
    this.#update();
  }

  #readIir(): number {
    const iir = this.#state.iir;
    if ((iir & IIR_ID_MASK) === IIR_THR_EMPTY) {
      this.#state.thr_ipending = 0;
      this.#update();
    }
    return iir;
  }

  #writeFcr(byte: number): void {
    const state = this.#state;
    const toggled = ((byte ^ state.fcr_vmstate) & FCR_ENABLE) !== 0;
    state.fcr_vmstate = (byte & FCR_ENABLE) === 0 ? 0 : byte & FCR_KEPT;
    if (toggled || (byte & FCR_CLEAR_RECEIVE) !== 0) {
      state.recv_fifo_head = 0;
      state.recv_fifo_num = 0;
    }
    this.#update();
    if (!this.#isLooped) this.#port.readyForInput();
  }

  #writeMcr(byte: number): void {
    const state = this.#state;
    const wasLooped = this.#isLooped;
    state.mcr = byte & MCR_WRITABLE;
    if (this.#isLooped) this.#loopModemLines();
    else if (wasLooped) state.msr = 0xb0;
    this.#update();
    if (wasLooped && !this.#isLooped) this.#port.readyForInput();
  }

  /** DTR, RTS, OUT1, OUT2 come back as DSR, CTS, RI, DCD, with their change bits. */
  #loopModemLines(): void {
    const { mcr, msr } = this.#state;
    const levels = ((mcr & 0x0c) << 4) | ((mcr & 0x02) << 3) | ((mcr & 0x01) << 5);
    const changed = (levels ^ msr) & MSR_LEVELS;
    const ringEnded = changed & msr & 0x40;
    const deltas = ((changed & 0xb0) | ringEnded) >> 4;
    this.#state.msr = levels | (msr & MSR_DELTAS) | deltas;
  }

  #readLsr(): number {
    const lsr = this.#state.lsr;
    this.#state.lsr &= ~LSR_ERRORS;
    if ((lsr & LSR_ERRORS) !== 0) this.#update();
    return lsr;
  }

  #readMsr(): number {
    const msr = this.#state.msr;
    this.#state.msr &= ~MSR_DELTAS;
    if ((msr & MSR_DELTAS) !== 0) this.#update();
    return msr;
  }

  /** Everything that follows from the rest: data ready, the pending interrupt, the wire. */
  #update(): void {
    const state = this.#state;
    const dataReady = state.recv_fifo_num > 0 ? LSR_DATA_READY : 0;
    state.lsr = (state.lsr & LSR_ERRORS) | LSR_EMPTY | dataReady;
    const id = this.#pendingInterrupt();
    state.iir = id | (this.#fifoEnabled ? IIR_FIFOS_ENABLED : 0);
    this.#irq.set(id !== IIR_NONE);
  }

  #pendingInterrupt(): number {
    const { ier, lsr, msr, fcr_vmstate, recv_fifo_num, thr_ipending } = this.#state;
    if ((ier & IER_LINE_STATUS) !== 0 && (lsr & LSR_ERRORS) !== 0) return IIR_LINE_STATUS;
    if ((ier & IER_RECEIVED) !== 0 && recv_fifo_num > 0) {
      const trigger = this.#fifoEnabled ? (TRIGGER_LEVELS[fcr_vmstate >> 6] ?? 1) : 1;
      return recv_fifo_num >= trigger ? IIR_RECEIVED : IIR_TIMEOUT;
    }
    if ((ier & IER_THR_EMPTY) !== 0 && thr_ipending === 1) return IIR_THR_EMPTY;
    if ((ier & IER_MODEM_STATUS) !== 0 && (msr & MSR_DELTAS) !== 0) return IIR_MODEM_STATUS;
    return IIR_NONE;
  }
}
