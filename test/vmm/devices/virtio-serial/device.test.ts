/** The console device: ports are announced, opened and closed from both ends, and no byte is lost or doubled. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { virtioState } from '../../../../vmm/devices/virtio/state.js';
import { virtioSerial } from '../../../../vmm/devices/virtio-serial/device.js';
import type { PortSpec } from '../../../../vmm/devices/virtio-serial/host-port.js';
import { type Buffer as GuestBuffer, TestDriver } from '../virtio/driver.js';
import { FakeHost } from './fake-host.js';

const MULTIPORT = 1;
const [DEVICE_READY, PORT_ADD, PORT_READY, CONSOLE_PORT, PORT_OPEN, PORT_NAME] = [0, 1, 3, 4, 6, 7];
const CONTROL_IN = 2;
const CONTROL_OUT = 3;
const MAX_PORTS = 4;

const inOf = (nr: number) => (nr === 0 ? 0 : 2 * nr + 2);
const outOf = (nr: number) => inOf(nr) + 1;
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));

/** A driver of this device, and what is behind its ports: a console and two ports. */
class Setup {
  readonly console = new FakeHost();
  readonly agent = new FakeHost();
  readonly opened: string[] = [];
  readonly ports: readonly PortSpec[];
  readonly driver: TestDriver;
  readonly #posted = new Map<number, Map<number, GuestBuffer>>();

  constructor() {
    const port = (nr: number, name: string | null, isConsole: boolean, host: FakeHost | null): PortSpec => ({
      ...{ nr, name, isConsole, host },
      guestOpened: (open) => {
        const last = this.opened.findLast((word) => word.startsWith(`${nr} `)) ?? `${nr} false`;
        if (last !== `${nr} ${open}`) this.opened.push(`${nr} ${open}`);
      },
    });
    this.ports = [
      port(0, null, true, this.console),
      port(1, 'agent.0', false, this.agent),
      port(3, 'nobody', false, null),
    ];
    this.driver = new TestDriver(virtioSerial(MAX_PORTS, this.ports));
  }

  start(features = [MULTIPORT]): void {
    this.driver.start(features);
    this.#posted.clear();
  }

  post(queue: number, sizeBytes: number, count = 1): void {
    for (let left = count; left > 0; left--) {
      const buffer = this.driver.buffer(sizeBytes, true);
      const heads = this.#posted.get(queue) ?? new Map<number, GuestBuffer>();
      this.#posted.set(queue, heads.set(this.driver.add(queue, [buffer]), buffer));
    }
    this.driver.notify(queue);
  }

  /** What the device has put into buffers, one text each. */
  take(queue: number): string[] {
    return this.driver.takeUsed(queue).map(({ head, sizeBytes }) => {
      const buffer = this.#posted.get(queue)?.get(head);
      assert.ok(buffer, 'a buffer came back that is not there');
      return Buffer.from(this.driver.bytesOf(buffer).subarray(0, sizeBytes)).toString('latin1');
    });
  }

  say(nr: number, event: number, value: number): void {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, nr, true);
    view.setUint16(4, event, true);
    view.setUint16(6, value, true);
    this.driver.add(CONTROL_OUT, [this.driver.buffer(new Uint8Array(view.buffer), false)]);
    this.driver.notify(CONTROL_OUT);
    this.driver.takeUsed(CONTROL_OUT);
  }

  /** Control messages as `[nr, event, value, text]`. */
  heard(): (number | string)[][] {
    return this.take(CONTROL_IN).map((text) => {
      const bytes = bytesOf(text);
      const view = new DataView(bytes.buffer);
      const message = [view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true)];
      return text.length > 8 ? [...message, text.slice(8)] : message;
    });
  }

  send(nr: number, text: string): void {
    this.driver.add(outOf(nr), [this.driver.buffer(bytesOf(text), false)]);
    this.driver.notify(outOf(nr));
  }

  /** As Linux begins: all ports are known, and opened. */
  greet(): void {
    this.start();
    this.post(CONTROL_IN, 64, 16);
    this.say(0xffff_ffff, DEVICE_READY, 1);
    for (const nr of [0, 1, 3]) this.say(nr, PORT_READY, 1);
    for (const nr of [0, 1]) this.say(nr, PORT_OPEN, 1);
    this.heard();
  }
}

const MAKERS = [
  { name: 'fresh', between: () => {} },
  { name: 'restored at each step', between: (setup: Setup) => setup.driver.migrate() },
];

for (const { name, between } of MAKERS) {
  const test = suite(`virtio-serial, ${name}`);

  test('announces its ports, what they are and which are connected', () => {
    const setup = new Setup();
    setup.start();
    between(setup);
    setup.post(CONTROL_IN, 64, 16);
    between(setup);
    setup.say(0xffff_ffff, DEVICE_READY, 1);
    assert.equal(setup.heard(), [
      [0, PORT_ADD, 1],
      [1, PORT_ADD, 1],
      [3, PORT_ADD, 1],
    ]);
    between(setup);
    for (const nr of [0, 1, 2, 3]) setup.say(nr, PORT_READY, 1);
    between(setup);
    assert.equal(setup.heard(), [
      [0, CONSOLE_PORT, 1],
      [0, PORT_OPEN, 1],
      [1, PORT_NAME, 1, 'agent.0\0'],
      [1, PORT_OPEN, 1],
      [3, PORT_NAME, 1, 'nobody\0'],
    ]);
  });

  test('messages wait for buffers of the guest', () => {
    const setup = new Setup();
    setup.start();
    setup.say(0xffff_ffff, DEVICE_READY, 1);
    between(setup);
    setup.say(1, PORT_READY, 1);
    between(setup);
    setup.post(CONTROL_IN, 64, 2);
    between(setup);
    setup.post(CONTROL_IN, 64, 4);
    assert.equal(
      setup.heard().map(([nr, event]) => [nr, event]),
      [
        [0, PORT_ADD],
        [1, PORT_ADD],
        [3, PORT_ADD],
        [1, PORT_NAME],
        [1, PORT_OPEN],
      ],
    );
  });

  test('input goes to the guest when it has the port open and buffers there', () => {
    const setup = new Setup();
    setup.greet();
    setup.say(1, PORT_OPEN, 0);
    between(setup);
    setup.agent.input = 'hello, guest';
    setup.post(inOf(1), 5, 2);
    between(setup);
    assert.is(setup.agent.isReading, false);
    setup.say(1, PORT_OPEN, 1);
    between(setup);
    assert.is(setup.agent.isReading, true);
    setup.agent.turn();
    between(setup);
    assert.equal(setup.take(inOf(1)), ['hello', ', gue']);
    assert.is(setup.agent.input, 'st');
    assert.is(setup.agent.isReading, false);
    setup.post(inOf(1), 5);
    setup.agent.turn();
    assert.equal(setup.take(inOf(1)), ['st']);
    assert.is(setup.driver.takeInterrupt() & 1, 1);
  });

  test('output that the host does not take stays in the ring and is written once', () => {
    const setup = new Setup();
    setup.greet();
    const text = Array.from({ length: 10_000 }, (_, index) => `line ${index}\n`).join('');
    setup.agent.room = 40_000;
    setup.send(1, text);
    setup.send(1, 'the end');
    between(setup);
    assert.equal(setup.driver.takeUsed(outOf(1)), []);
    for (let turns = 0; turns < 100 && setup.agent.room !== Number.POSITIVE_INFINITY; turns++) {
      setup.agent.room += turns < 20 ? 3000 : Number.POSITIVE_INFINITY;
      between(setup);
      setup.agent.turn();
    }
    assert.is(setup.agent.written, `${text}the end`);
    assert.is(setup.driver.takeUsed(outOf(1)).length, 2);
  });

  test('a host that comes and goes is told to the guest; what is said to nobody is given back', () => {
    const setup = new Setup();
    setup.greet();
    setup.agent.room = 0;
    setup.send(1, 'for nobody');
    between(setup);
    setup.agent.open = false;
    between(setup);
    assert.equal(setup.heard(), [[1, PORT_OPEN, 0]]);
    assert.is(setup.driver.takeUsed(outOf(1)).length, 1);
    setup.agent.room = 100;
    setup.agent.open = true;
    between(setup);
    setup.send(1, 'for somebody');
    assert.equal(setup.heard(), [[1, PORT_OPEN, 1]]);
    assert.is(setup.agent.written, 'for somebody');
  });

  test('while the guest does not listen, the last word of a port counts', () => {
    const setup = new Setup();
    setup.greet();
    const free = 16 - 3 - 5;
    for (let round = 0; round < 50; round++) {
      setup.agent.open = false;
      setup.agent.open = true;
      between(setup);
    }
    assert.is(setup.heard().length, free);
    setup.post(CONTROL_IN, 64, 8);
    assert.is(setup.heard().length < 3, true);
  });

  test('a console prints whether somebody looks or not', () => {
    const setup = new Setup();
    setup.greet();
    setup.console.open = false;
    between(setup);
    setup.send(0, 'boot');
    assert.is(setup.console.written, 'boot');
    assert.equal(setup.heard(), []);
  });

  test('a driver without several ports has port 0, which is open', () => {
    const setup = new Setup();
    setup.start([]);
    between(setup);
    setup.console.input = 'ls\n';
    setup.post(0, 16);
    setup.console.turn();
    between(setup);
    assert.equal(setup.take(0), ['ls\n']);
    setup.send(0, 'out');
    assert.is(setup.console.written, 'out');
    assert.equal(setup.opened, []);
  });

  test('the guest opens and closes, and lets go of all when it resets', () => {
    const setup = new Setup();
    setup.greet();
    setup.say(1, PORT_OPEN, 0);
    setup.say(1, PORT_OPEN, 1);
    setup.driver.reset();
    assert.equal(setup.opened, ['0 true', '1 true', '1 false', '1 true', '0 false', '1 false']);
    assert.is(setup.agent.isReading, false);
    between(setup);
    setup.greet();
    setup.send(1, 'again');
    assert.is(setup.agent.written, 'again');
  });

  test.run();
}

const alone = suite('virtio-serial');

alone('while it is paused it neither reads nor writes', () => {
  const setup = new Setup();
  setup.greet();
  setup.post(inOf(1), 16);
  setup.driver.device.pause();
  setup.agent.input = 'later';
  setup.agent.turn();
  setup.agent.open = false;
  setup.driver.add(outOf(1), [setup.driver.buffer(bytesOf('later'), false)]);
  setup.driver.notify(outOf(1));
  assert.equal([setup.take(inOf(1)), setup.agent.written, setup.heard()], [[], '', []]);
  setup.agent.open = true;
  setup.driver.device.resume();
  setup.agent.turn();
  assert.equal([setup.take(inOf(1)), setup.agent.written, setup.heard()], [['later'], 'later', []]);
});

alone('no message of a guest is answered without end', () => {
  const setup = new Setup();
  setup.start();
  for (let message = 0; message < 64; message++) setup.say(1, PORT_READY, 1);
  const { control } = setup.driver.device.save() as { control: Uint8Array };
  assert.ok(control.length >= 8 * 32 && control.length <= 8 * 66, `${control.length} bytes wait`);
  assert.is(setup.driver.status & 64, 0);
  setup.driver.migrate();
});

alone('hostile messages and buffers do no harm', () => {
  const setup = new Setup();
  setup.start();
  const { driver } = setup;
  driver.add(CONTROL_OUT, [driver.buffer(3, false)]);
  driver.add(CONTROL_OUT, [driver.buffer(64, true)]);
  for (const nr of [2, 4, 9, 0xffff_ffff])
    for (let event = 0; event < 12; event++) setup.say(nr, event, event);
  setup.post(CONTROL_IN, 1, 16);
  setup.say(1, PORT_READY, 1);
  driver.add(outOf(2), [driver.buffer(bytesOf('to no port'), false)]);
  driver.notify(outOf(2));
  assert.is(driver.takeUsed(outOf(2)).length, 1);
  driver.add(outOf(1), [driver.buffer(64, true)]);
  driver.notify(outOf(1));
  assert.is(driver.takeUsed(outOf(1)).length, 1);
  assert.is(driver.status & 64, 0);
  setup.say(1, PORT_OPEN, 1);
  driver.add(inOf(1), [driver.buffer(8, false)]);
  setup.agent.input = 'x';
  setup.post(inOf(1), 8);
  setup.agent.turn();
  assert.is(driver.takeUsed(inOf(1)).length, 2);
  driver.makeAvailable(inOf(1), 200);
  driver.notify(inOf(1));
  setup.agent.input = 'x';
  setup.agent.turn();
  assert.is(driver.status & 64, 64);
});

alone('a state that cannot be is refused in a sentence', () => {
  const setup = new Setup();
  setup.greet();
  const { validate } = virtioState(setup.driver.part);
  const saved = setup.driver.device.save();
  assert.is(validate?.(saved), null);
  const wrong: Readonly<Record<string, unknown>>[] = [
    { max_nr_ports: 5 },
    { ports: [1, 1, 1, 1] },
    { ports: [1, 0, 0, 1] },
    { guest_open: [2, 0, 0, 0] },
    { control: new Uint8Array(7) },
  ];
  for (const change of wrong) {
    const [field = ''] = Object.keys(change);
    assert.match(validate?.({ ...saved, ...change } as typeof saved) ?? '', field);
  }
});

alone('one that has its port alone says so', () => {
  const driver = new TestDriver(virtioSerial(1, []));
  driver.write(0x014, 0);
  assert.is(driver.read(0x010) & (1 << MULTIPORT), 0);
  assert.is(driver.device.read(0x104, 4), 1);
});

alone.run();
