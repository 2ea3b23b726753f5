/** In a network namespace of the test's own, with a real interface. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, openTap, setTapHeaderBytes } from '../../../native/index.js';
import { CarriedDescriptors } from '../../../vmm/carried.js';
import { OFFLOAD } from '../../../vmm/devices/virtio-net/backend.js';
import { Netdevs } from '../../../vmm/net/netdevs.js';
import { TapNetdev } from '../../../vmm/net/tap.js';
import type { TapOptions } from '../../../vmm/options/netdev-options.js';
import { isInOwnNetwork, makeTap, ownNetworkMissing } from '../../e2e/own-network.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor } from '../../helpers/wait.js';
import { openFds } from '../../native/observe.js';

const SUITE = 'tap backend';
const NAME = 'tap0';
const OPTIONS: TapOptions = {
  ...{ type: 'tap', id: 'net0', interfaceName: NAME, fd: null, header: null, sendBufferBytes: 0 },
};
const HEADER_BYTES = 12;
const NO_EVENTS = { connected: () => {}, disconnected: () => {} };

const test = suite(SUITE);

test.before(() => makeTap(NAME, '192.0.2.1/24'));

/** Who has 192.0.2.1? The kernel answers from the interface's own address. */
function arpRequest(headerBytes: number): Buffer {
  const frame = `ffffffffffff5254000000010806${'00010800060400015254000000'}01c0000202000000000000c0000201`;
  return Buffer.concat([Buffer.alloc(headerBytes), Buffer.from(frame, 'hex')]);
}

/** Frames that come, until one is the answer. */
async function answered(netdev: TapNetdev, headerBytes: number): Promise<boolean> {
  let isAnswered = false;
  netdev.start({
    readable() {
      for (let frame = netdev.receive(); frame !== null; frame = netdev.receive()) {
        const at = headerBytes + 12;
        if (frame[at] === 0x08 && frame[at + 1] === 0x06 && frame[at + 9] === 2) isAnswered = true;
      }
    },
    writable() {},
  });
  netdev.setReading(true);
  return waitFor(
    () => {
      const request = arpRequest(headerBytes);
      assert.ok(netdev.send([request.subarray(0, 20), request.subarray(20)]));
      return isAnswered;
    },
    { what: 'an answer to ARP' },
  );
}

test('frames pass with headers, which is the default, and without', async () => {
  for (const header of [null, false]) {
    const netdev = new TapNetdev({ ...OPTIONS, header }, null);
    assert.is(netdev.hasHeader, header === null);
    assert.ok(await answered(netdev, header === null ? HEADER_BYTES : 0));
    netdev.close();
  }
});

test('a descriptor is as good as a name, and what is no tap is refused', async () => {
  const netdev = new TapNetdev({ ...OPTIONS, interfaceName: null, fd: openTap(NAME, true) }, null);
  assert.ok(netdev.hasHeader && (await answered(netdev, HEADER_BYTES)));
  netdev.close();
  const netdevs = new Netdevs(new CarriedDescriptors([]), NO_EVENTS);
  assert.throws(() => netdevs.open({ ...OPTIONS, interfaceName: 'lo' }), /netdev 'net0': .*'lo'/);
  assert.throws(() => netdevs.open({ ...OPTIONS, interfaceName: 'absent0' }), /absent0/);
});

test('one that came with the guest is not set up again, and goes on', async () => {
  const source = new TapNetdev(OPTIONS, null);
  source.start({ readable() {}, writable() {} });
  source.setOffloads(OFFLOAD.csum | OFFLOAD.tso4);
  const [carried] = source.carry();
  const fd = (carried as { fd: number }).fd;
  // Another length shows whether it is touched.
  setTapHeaderBytes(fd, 10);
  const target = new TapNetdev(OPTIONS, fd);
  target.load(source.save());
  source.stop();
  target.setOffloads(OFFLOAD.csum | OFFLOAD.tso4);
  assert.ok(await answered(target, 10));
  assert.not.ok(target.isNewHere);
  target.close();
});

test('a frame that found no room goes with the state', async () => {
  const source = new TapNetdev(OPTIONS, null);
  source.start({ readable() {}, writable() {} });
  const frame = await waitFor(
    () => {
      source.send([arpRequest(HEADER_BYTES)]);
      return source.receive();
    },
    { what: 'a frame' },
  );
  const bytes = [...frame];
  source.putBack();
  const state = source.save();
  assert.equal([...state.received], bytes);
  const target = new TapNetdev(OPTIONS, (source.carry()[0] as { fd: number }).fd);
  target.load(state);
  target.start({ readable() {}, writable() {} });
  assert.equal([...(target.receive() ?? [])], bytes);
  target.close();
});

test('a frame that makes no sense to the kernel is lost, and the next one is not', async () => {
  const netdev = new TapNetdev(OPTIONS, null);
  const nonsense = arpRequest(HEADER_BYTES);
  nonsense.fill(0xff, 0, HEADER_BYTES);
  netdev.start({ readable() {}, writable() {} });
  assert.ok(netdev.send([nonsense]));
  assert.ok(netdev.send([Buffer.alloc(3)]));
  assert.ok(await answered(netdev, HEADER_BYTES));
  netdev.close();
});

test('ids are unique, users are one at a time, and all is closed', () => {
  const before = openFds();
  const netdevs = new Netdevs(new CarriedDescriptors([]), NO_EVENTS);
  netdevs.open(OPTIONS);
  assert.throws(() => netdevs.open(OPTIONS), /Duplicate ID 'net0'/);
  assert.throws(() => netdevs.use('other', 'nic'), /can't find value 'other'/);
  netdevs.use('net0', 'nic');
  assert.throws(() => netdevs.use('net0', 'nic1'), /it's in use/);
  assert.throws(() => netdevs.close('net0'), /is used by nic/);
  netdevs.release('net0');
  netdevs.close('net0');
  assert.throws(() => netdevs.close('net0'), /not found/);
  netdevs.open(OPTIONS);
  netdevs.closeAll();
  assert.is(openFds(), before);
  closeFd(openTap(NAME));
});

const missing = await ownNetworkMissing();
if (missing !== null) skipSuite(SUITE, missing);
else if (await isInOwnNetwork(import.meta.url)) test.run();
