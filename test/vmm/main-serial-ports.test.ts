/** Ports of a Linux guest and the clients at their other ends, through upgrades. */
import { appendFileSync, readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeFifo } from '../../native/index.js';
import { makeRiscvGuest, riscvGuestMissing } from '../guests/linux/riscv-guest.js';
import { skipSuite } from '../helpers/skip.js';
import { waitFor } from '../helpers/wait.js';
import { LinuxRelay } from './linux-relay.js';
import { VmmHost } from './vmm-process.js';

const test = suite('ports of a Linux guest');
const UPGRADES = 20;

/** Returns what comes to the agent's port; prints numbered lines on a console; closes the port at a word. */
const SCRIPT = [
  'cat /sys/class/virtio-ports/vport0p1/name',
  '(i=0; while true; do i=$((i + 1)); echo "console $i" > /dev/hvc0; sleep 0.05; done) &',
  'while true; do',
  '  exec 3<>/dev/vport0p1; cat <&3 >&3 & echo "port open"',
  '  read -r word < /dev/console; kill $!; exec 3>&-; echo "port closed"',
  '  read -r word < /dev/console',
  'done',
];

let host: VmmHost;
let relay: LinuxRelay;

test.before.each(async () => {
  host = await VmmHost.create();
  makeFifo(`${host.path}/input`);
  const guest = await makeRiscvGuest(host.path, SCRIPT);
  relay = await LinuxRelay.boot(host, [
    ...guest,
    ...['-chardev', `file,id=hvc,path=${host.path}/hvc,append=on`],
    ...['-chardev', `socket,id=agent,path=${host.path}/agent,server=on,wait=off`],
    ...['-device', 'virtio-serial-device', '-device', 'virtconsole,chardev=hvc'],
    ...['-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0,id=port'],
  ]);
  await relay.line(/org\.qemu\.guest_agent\.0[\s\S]*port open/);
});

test.after.each(() => host.remove());

/** A client that says numbered lines and hears them back. */
class EchoClient {
  readonly socket: Socket;
  heard = '';
  said = 0;
  isClosed = false;

  constructor(path: string) {
    this.socket = createConnection(path);
    this.socket.on('data', (bytes) => {
      this.heard += bytes.toString('latin1');
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isClosed = true;
    });
  }

  say(lines: number): void {
    const numbers = Array.from({ length: lines }, () => this.said++);
    this.socket.write(numbers.map((number) => `line ${number}\n`).join(''));
  }

  /** Everything that was said has come back, each byte once. */
  async allHeard(): Promise<void> {
    const expected = Array.from({ length: this.said }, (_, number) => `line ${number}\n`).join('');
    await waitFor(() => this.heard.length >= expected.length || this.isClosed, {
      ...{ what: `the echo of ${this.said} lines`, deadlineMs: 60_000 },
    });
    assert.is(this.isClosed, false, 'the client is connected');
    assert.ok(this.heard === expected, `the echo is right, and ends in ${this.heard.slice(-40)}`);
  }
}

const isOpenInQemusWords = async () => {
  const chardevs =
    await relay.monitor.execute<{ label: string; 'frontend-open': boolean }[]>('query-chardev');
  return chardevs.find(({ label }) => label === 'agent')?.['frontend-open'];
};

test(`a client stays through ${UPGRADES} upgrades, no byte of its is lost or doubled, nor of a console`, async () => {
  const client = new EchoClient(`${host.path}/agent`);
  client.say(10);
  await client.allHeard();
  for (let count = 0; count < UPGRADES; count++) {
    client.say(1000);
    await relay.upgrade(count % 2 === 0 ? 'cpr-transfer' : 'cpr-exec');
    client.say(5);
    await client.allHeard();
  }
  client.socket.destroy();
  const lines = readFileSync(`${host.path}/hvc`, 'latin1').split('\n').slice(0, -1);
  assert.ok(lines.length > 20);
  assert.equal(
    lines.map((line) => line.trim()),
    lines.map((_, at) => `console ${at + 1}`),
  );
});

test('monitors hear of the port, and a client can come when the one before left while nobody read', async () => {
  assert.is(await isOpenInQemusWords(), true);
  const word = (text: string) => appendFileSync(`${host.path}/input`, `${text}\n`);
  word('close');
  await relay.line(/port closed/);
  await relay.monitor.event('VSERPORT_CHANGE');
  await waitFor(async () => (await isOpenInQemusWords()) === false, { what: 'the port to be closed' });
  const early = new EchoClient(`${host.path}/agent`);
  early.say(1);
  await waitFor(() => early.socket.bytesWritten > 0, { what: 'the client to speak' });
  early.socket.destroy();
  await waitFor(() => early.isClosed, { what: 'the client to leave' });
  const client = new EchoClient(`${host.path}/agent`);
  word('open');
  await relay.line(/port closed[\s\S]*port open/);
  client.said = 100;
  client.say(3);
  await waitFor(() => client.heard.includes('line 102\n'), { what: 'an answer', deadlineMs: 30_000 });
  client.socket.destroy();
});

const missing = riscvGuestMissing();
if (missing === null) test.run();
else skipSuite('ports of a Linux guest', missing);
