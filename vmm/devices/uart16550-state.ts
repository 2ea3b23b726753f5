/** What an NS16550A holds, field by field as QEMU names them, and how it travels. */
import type { StateDescription } from '../state/description.js';

export const FIFO_BYTES = 16;

export interface Uart16550State {
  readonly divider: number;
  readonly rbr: number;
  readonly ier: number;
  readonly iir: number;
  readonly lcr: number;
  readonly mcr: number;
  readonly lsr: number;
  readonly msr: number;
  readonly scr: number;
  readonly fcr_vmstate: number;
  /** The "transmitter empty" interrupt was not yet taken by reading IIR or writing THR. */
  readonly thr_ipending: number;
  readonly recv_fifo_data: Uint8Array;
  readonly recv_fifo_head: number;
  readonly recv_fifo_num: number;
}

export const LSR_EMPTY = 0x60; // transmitter and its holding register are empty
const MSR_CONNECTED = 0xb0; // carrier, data set ready, clear to send

export const UART16550_RESET: Uart16550State = {
  divider: 12,
  rbr: 0,
  ier: 0,
  iir: 0x01,
  lcr: 0,
  mcr: 0x08,
  lsr: LSR_EMPTY,
  msr: MSR_CONNECTED,
  scr: 0,
  fcr_vmstate: 0,
  thr_ipending: 0,
  recv_fifo_data: new Uint8Array(FIFO_BYTES),
  recv_fifo_head: 0,
  recv_fifo_num: 0,
};

export const UART16550_STATE: StateDescription<Uart16550State> = {
  name: 'serial',
  version: 3,
  minimumVersion: 3,
  fields: [
    { name: 'divider', type: 'uint16' },
    ...(['rbr', 'ier', 'iir', 'lcr', 'mcr', 'lsr', 'msr', 'scr', 'fcr_vmstate'] as const).map(
      (name) => ({ name, type: 'uint8' }) as const,
    ),
  ],
  subsections: [
    {
      name: 'serial/thr_ipending',
      version: 1,
      fields: [{ name: 'thr_ipending', type: 'int32' }],
      needed: (state) => state.thr_ipending !== 0,
    },
    {
      name: 'serial/recv_fifo',
      version: 1,
      fields: [
        { name: 'recv_fifo_data', type: 'buffer', count: FIFO_BYTES },
        { name: 'recv_fifo_head', type: 'uint32' },
        { name: 'recv_fifo_num', type: 'uint32' },
      ],
      needed: (state) => state.recv_fifo_num !== 0,
    },
  ],
  reset: UART16550_RESET,
  validate: (state) => {
    if (state.recv_fifo_num > FIFO_BYTES) return `recv_fifo_num is at most 16, got ${state.recv_fifo_num}`;
    if (state.recv_fifo_head >= FIFO_BYTES) return `recv_fifo_head is below 16, got ${state.recv_fifo_head}`;
    if (state.thr_ipending !== 0 && state.thr_ipending !== 1) return 'thr_ipending is 0 or 1';
    return null;
  },
};
