import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { networkOf } from '../../../daemon/access/network.js';

const test = suite('places on the network');

for (const [address, network] of [
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:1::', '2001:db8:1:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['uid 1000', 'uid 1000'],
  ['', ''],
] as const) {
  test(`${address || 'nothing'} is one of ${network || 'nothing'}`, () => {
    assert.is(networkOf(address), network);
  });
}

test.run();
