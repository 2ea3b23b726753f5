import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatMac, MacAddresses } from '../../../vmm/net/mac-addresses.js';

const test = suite('addresses of network devices');

test('they count up past those in use, and come back', () => {
  const macs = new MacAddresses();
  const take = (text: string | null) => formatMac(macs.take(text));
  assert.is(take(null), '52:54:00:12:34:56');
  assert.is(take('52-54-00-12-34-57'), '52:54:00:12:34:57');
  assert.is(take(null), '52:54:00:12:34:58');
  macs.release(Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56));
  assert.is(take(null), '52:54:00:12:34:56');
  for (let count = 0x59; count <= 0xff; count++) macs.take(null);
  assert.throws(() => macs.take(null), /give mac=/);
});

test('what is no address is refused', () => {
  const macs = new MacAddresses();
  for (const text of ['', '52:54:00:12:34', '52:54:00:12:34:5g', '52:54:00:12:34:56:78']) {
    assert.throws(() => macs.take(text), /doesn't take value/);
  }
});

test.run();
