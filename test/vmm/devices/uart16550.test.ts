import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Uart16550 } from '../../../vmm/devices/uart16550.js';
import { UART16550_STATE } from '../../../vmm/devices/uart16550-state.js';
import { FakeErrors, FakeLine, MAKERS } from './fixtures.js';

const DATA = 0;
const IER = 1;
const IIR = 2;
const FCR = 2;
const LCR = 3;
const MCR = 4;
const LSR = 5;
const MSR = 6;
const SCR = 7;
const DATA_READY = 0x01;
const OVERRUN = 0x02;

for (const maker of MAKERS) {
  const test = suite(`UART, ${maker.name}`);

  function setup() {
    const irq = new FakeLine();
    const errors = new FakeErrors();
    const sent: number[] = [];
    let wishes = 0;
    const port = {
      send: (byte: number) => sent.push(byte),
      readyForInput: () => {
        wishes++;
      },
    };
    const uart = maker.make(UART16550_STATE, (state) => new Uart16550(irq, port, errors, state));
    const type = (text: string) => {
      for (const byte of Buffer.from(text)) uart.device.receive(byte);
    };
    return { uart, irq, sent, errors, type, wishes: () => wishes };
  }

  test('bytes written are sent at once and the transmitter is always empty', () => {
    const { uart, sent } = setup();
    assert.is(uart.read(LSR, 1), 0x60);
    uart.write(DATA, 1, 0x141);
    uart.write(DATA, 1, 0x42);
    assert.equal(sent, [0x41, 0x42]);
    assert.is(uart.read(LSR, 1), 0x60);
  });

  test('without the FIFO one byte is held, and room says so', () => {
    const { uart, type, wishes } = setup();
    assert.is(uart.device.room, 1);
    type('a');
    assert.is(uart.device.room, 0);
    assert.is(uart.read(LSR, 1) & DATA_READY, DATA_READY);
    assert.is(uart.read(DATA, 1), 0x61);
    assert.is(wishes(), 1);
    assert.is(uart.read(LSR, 1) & DATA_READY, 0);
    assert.is(uart.read(DATA, 1), 0x61);
  });

  test('the FIFO holds sixteen bytes in order', () => {
    const { uart, type } = setup();
    uart.write(FCR, 1, 0x01);
    assert.is(uart.device.room, 16);
    type('abcdef');
    assert.is(uart.read(DATA, 1), 0x61);
    type('0123456789X');
    assert.is(uart.device.room, 0);
    const rest = Array.from({ length: 16 }, () => String.fromCharCode(uart.read(DATA, 1)));
    assert.is(rest.join(''), 'bcdef0123456789X');
  });

  test('a byte too many is lost and says so once', () => {
    const { uart, type, irq } = setup();
    uart.write(IER, 1, 0x04);
    type('ab');
    assert.is(irq.level, true);
    assert.is(uart.read(IIR, 1), 0x06);
    assert.is(uart.read(LSR, 1) & OVERRUN, OVERRUN);
    assert.is(uart.read(LSR, 1) & OVERRUN, 0);
    assert.is(irq.level, false);
    assert.is(uart.read(DATA, 1), 0x61);
  });

  test('received data interrupts: below the trigger level as a timeout, from it on as data', () => {
    const { uart, type, irq } = setup();
    uart.write(FCR, 1, 0x41);
    uart.write(IER, 1, 0x01);
    assert.is(uart.read(IIR, 1), 0xc1);
    type('abc');
    assert.is(irq.level, true);
    assert.is(uart.read(IIR, 1), 0xcc);
    type('d');
    assert.is(uart.read(IIR, 1), 0xc4);
    for (let at = 0; at < 4; at++) uart.read(DATA, 1);
    assert.is(irq.level, false);
    assert.is(uart.read(IIR, 1), 0xc1);
  });

  test('the transmitter interrupt comes with its enable and with each byte, and goes by reading IIR', () => {
    const { uart, irq } = setup();
    uart.write(IER, 1, 0x02);
    assert.is(irq.level, true);
    assert.is(uart.read(IIR, 1), 0x02);
    assert.is(irq.level, false);
    uart.write(DATA, 1, 0x41);
    assert.is(irq.level, true);
    uart.write(IER, 1, 0x00);
    assert.is(irq.level, false);
  });

  test('received data comes before the transmitter', () => {
    const { uart, type } = setup();
    uart.write(IER, 1, 0x03);
    type('a');
    assert.is(uart.read(IIR, 1), 0x04);
    uart.read(DATA, 1);
    assert.is(uart.read(IIR, 1), 0x02);
  });

  test('the divisor latch is behind its access bit', () => {
    const { uart, sent } = setup();
    uart.write(LCR, 1, 0x83);
    uart.write(DATA, 1, 0x34);
    uart.write(IER, 1, 0x12);
    assert.is(uart.read(DATA, 1), 0x34);
    assert.is(uart.read(IER, 1), 0x12);
    uart.write(LCR, 1, 0x03);
    assert.is(uart.read(IER, 1), 0);
    assert.is(uart.read(LCR, 1), 0x03);
    assert.equal(sent, []);
  });

  test('loopback returns what is sent, and takes nothing from the line', () => {
    const { uart, sent } = setup();
    uart.write(FCR, 1, 0x01);
    uart.write(MCR, 1, 0x10);
    assert.is(uart.device.room, 0);
    for (const byte of [1, 2, 3]) uart.write(DATA, 1, byte);
    assert.equal([uart.read(DATA, 1), uart.read(DATA, 1), uart.read(DATA, 1)], [1, 2, 3]);
    assert.equal(sent, []);
    for (let byte = 0; byte < 17; byte++) uart.write(DATA, 1, byte);
    assert.is(uart.read(LSR, 1) & OVERRUN, OVERRUN);
  });

  test('loopback connects the modem lines, and leaving it restores them', () => {
    const { uart, irq } = setup();
    assert.is(uart.read(MSR, 1), 0xb0);
    uart.write(MCR, 1, 0x1a);
    assert.is(uart.read(MSR, 1) & 0xf0, 0x90);
    uart.write(IER, 1, 0x08);
    assert.is(irq.level, false);
    uart.write(MCR, 1, 0x10);
    assert.is(irq.level, true);
    assert.is(uart.read(IIR, 1), 0x00);
    assert.is(uart.read(MSR, 1), 0x09);
    assert.is(uart.read(MSR, 1), 0x00);
    assert.is(irq.level, false);
    uart.write(MCR, 1, 0x0b);
    assert.is(uart.read(MSR, 1), 0xb0);
  });

  test('clearing or switching the FIFO drops what was received', () => {
    const { uart, type } = setup();
    uart.write(FCR, 1, 0x01);
    type('abc');
    uart.write(FCR, 1, 0x03);
    assert.is(uart.read(LSR, 1) & DATA_READY, 0);
    type('d');
    uart.write(FCR, 1, 0x00);
    assert.is(uart.read(LSR, 1) & DATA_READY, 0);
    assert.is(uart.read(IIR, 1), 0x01);
  });

  test('the scratch register keeps a byte; line and modem status cannot be written', () => {
    const { uart } = setup();
    uart.write(SCR, 1, 0x5a);
    uart.write(LSR, 1, 0xff);
    uart.write(MSR, 1, 0x00);
    assert.is(uart.read(SCR, 1), 0x5a);
    assert.is(uart.read(LSR, 1), 0x60);
    assert.is(uart.read(MSR, 1), 0xb0);
  });

  test('offsets behind the registers read 0 and are reported', () => {
    const { uart, errors } = setup();
    assert.is(uart.read(8, 1), 0);
    uart.write(0xff, 1, 3);
    assert.equal(errors.seen, ['read serial 8', 'write serial ff 3']);
  });

  test.run();
}
