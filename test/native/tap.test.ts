/** In a network namespace of the test's own: frames that are written here reach nobody. */
import { readSync, writeSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, openTap } from '../../native/index.js';
import { isInOwnNetwork, makeTap, ownNetworkMissing } from '../e2e/own-network.js';
import { skipSuite } from '../helpers/skip.js';
import { waitFor } from '../helpers/wait.js';
import { closesOnExec, isNonBlocking, nativeError, openFds, procField } from './observe.js';

const SUITE = 'tap';
const NAME = 'tap0';
const MAC = Buffer.from('525400000001', 'hex');
const BROADCAST = Buffer.alloc(6, 0xff);
const HEADER_BYTES = 14;

const test = suite(SUITE);

test.before(() => makeTap(NAME, '192.0.2.1/24'));

test('its descriptor is closed on exec, does not block, and names the interface', () => {
  const fd = openTap(NAME);
  assert.equal([closesOnExec('self', fd), isNonBlocking(fd)], [true, true]);
  assert.is(procField(`self/fdinfo/${fd}`, 'iff'), NAME);
  closeFd(fd);
});

/** Who has 192.0.2.1? The kernel answers from the interface's own address. */
function arpRequest(): Buffer {
  const body = Buffer.from(`00010800060400015254000000${'01'}c0000202000000000000c0000201`, 'hex');
  return Buffer.concat([BROADCAST, MAC, Buffer.from('0806', 'hex'), body]);
}

test('it reads and writes whole frames with nothing before them', async () => {
  const fd = openTap(NAME);
  const frame = Buffer.alloc(2048);
  const answer = await waitFor(
    () => {
      writeSync(fd, arpRequest());
      for (;;) {
        try {
          const bytes = readSync(fd, frame);
          if (frame.subarray(0, 6).equals(MAC)) return frame.subarray(0, bytes);
        } catch {
          return null;
        }
      }
    },
    { what: 'an answer to ARP' },
  );
  assert.is(answer.readUInt16BE(HEADER_BYTES - 2), 0x0806);
  assert.is(answer.readUInt16BE(HEADER_BYTES + 6), 2);
  closeFd(fd);
});

test('one that is open already is busy, and free when that is closed', () => {
  const fd = openTap(NAME);
  assert.is(nativeError(() => openTap(NAME)).code, 'EBUSY');
  closeFd(fd);
  closeFd(openTap(NAME));
});

test('what is no tap, or not there, is refused and not made; nothing stays open', () => {
  const before = openFds();
  assert.is(nativeError(() => openTap('lo')).code, 'EINVAL');
  assert.is(nativeError(() => openTap('absent0')).code, 'ENODEV');
  assert.is(nativeError(() => openTap('absent0')).code, 'ENODEV');
  assert.is(nativeError(() => openTap('far-too-long-a-name')).code, 'ENODEV');
  assert.throws(() => openTap(''), TypeError);
  assert.is(openFds(), before);
});

const missing = await ownNetworkMissing();
if (missing !== null) skipSuite(SUITE, missing);
else if (await isInOwnNetwork(import.meta.url)) test.run();
