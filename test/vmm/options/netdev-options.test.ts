import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseOptions } from '../../../vmm/options/options.js';

const test = suite('-netdev');

function netdevs(...texts: string[]) {
  return parseOptions(['-kernel', 'k', ...texts.flatMap((text) => ['-netdev', text])]).netdevs;
}

test('a tap, by name and by descriptor', () => {
  const base = { type: 'tap', id: 't0', interfaceName: null, fd: null, header: null, sendBufferBytes: 0 };
  assert.equal(netdevs('tap,id=t0,ifname=tap0,script=no,downscript=no,vhost=off'), [
    { ...base, interfaceName: 'tap0' },
  ]);
  assert.equal(netdevs('tap,id=t0,ifname=tap0,vnet_hdr=off,sndbuf=1k'), [
    { ...base, interfaceName: 'tap0', header: false, sendBufferBytes: 1024 },
  ]);
  assert.equal(netdevs('tap,id=t0,fd=12'), [{ ...base, fd: 12 }]);
});

test('a stream, in both forms', () => {
  const base = { type: 'stream', id: 's0', path: '/run/p', fd: null, reconnectMs: 0 };
  assert.equal(netdevs('stream,id=s0,server=off,addr.type=unix,addr.path=/run/p'), [base]);
  assert.equal(
    netdevs(
      '{"type":"stream","id":"s0","server":false,"addr":{"type":"unix","path":"/run/p"},"reconnect-ms":500}',
    ),
    [{ ...base, reconnectMs: 500 }],
  );
  assert.equal(netdevs('stream,id=s0,addr.type=fd,addr.str=7'), [{ ...base, path: null, fd: 7 }]);
});

test('vhost-user: the chardev of a process that has the queues', () => {
  const args = ['-kernel', 'k', '-chardev', 'socket,id=c0,path=/run/c', '-netdev'];
  const of = (text: string) => parseOptions([...args, text]).netdevs;
  assert.equal(of('vhost-user,id=v0,chardev=c0,queues=1'), [{ type: 'vhost-user', id: 'v0', chardev: 'c0' }]);
  assert.throws(() => of('vhost-user,id=v0'), /'chardev' is missing/);
  assert.throws(() => of('vhost-user,id=v0,chardev=c1'), /chardev 'c1' not found/);
  assert.throws(() => of('vhost-user,id=v0,chardev=c0,queues=2'), /'queues' supports only '1'/);
  const twice = [...args, 'vhost-user,id=v0,chardev=c0', '-netdev', 'vhost-user,id=v1,chardev=c0'];
  assert.throws(() => parseOptions(twice), /chardev 'c0' is already in use/);
});

for (const [texts, words] of [
  [['user,id=u0'], /network backend 'user' is not offered, have tap, stream, vhost-user/],
  [['hubport,id=u0,hubid=0'], /'hubport' is not offered/],
  [['tap'], /parameter 'id' is missing/],
  [['tap,id=9x,fd=1'], /expects an identifier/],
  [[`tap,id=${'x'.repeat(128)},fd=1`], /expects an identifier/],
  [['tap,id=t0'], /expected ifname=/],
  [['tap,id=t0,ifname=a-name-of-16-byt'], /expected ifname=/],
  [['tap,id=t0,ifname=tap0,fd=3'], /invalid with fd=/],
  [['tap,id=t0,ifname=tap0,script=/etc/qemu-ifup'], /'script' supports only 'no'/],
  [['tap,id=t0,ifname=tap0,vhost=on'], /'vhost' supports only 'off'/],
  [['tap,id=t0,ifname=tap0,queues=2'], /'queues' supports only '1'/],
  [['tap,id=t0,ifname=tap0,br=br0'], /unknown parameter 'br'/],
  [['stream,id=s0'], /'addr.type' is missing/],
  [['stream,id=s0,addr.type=inet,addr.host=h'], /'inet' is not offered/],
  [['stream,id=s0,server=on,addr.type=unix,addr.path=p'], /'server' supports only 'off'/],
  [['stream,id=s0,addr.type=unix'], /'addr.path' is missing/],
  [[`stream,id=s0,addr.type=unix,addr.path=/${'x'.repeat(107)}`], /too long/],
  [['tap,id=t0,fd=3', 'tap,id=t0,fd=4'], /Duplicate ID 't0'/],
] as const) {
  test(`${texts.join(' and ').slice(0, 60)} is refused by name`, () => {
    assert.throws(() => netdevs(...texts), words);
  });
}

test('-net none and -nic none are accepted, and nothing else of them', () => {
  parseOptions(['-kernel', 'k', '-net', 'none', '-nic', 'none']);
  assert.throws(() => parseOptions(['-kernel', 'k', '-nic', 'user']), /use -netdev and -device/);
});

test('a network device has the properties of QEMU, and refuses what is not emulated', () => {
  const device = (more: string) =>
    parseOptions(['-kernel', 'k', '-device', `virtio-net-device${more}`]).devices[0]?.values;
  const values = device(',netdev=n0,mrg_rxbuf=off,host_mtu=9000');
  assert.is(values?.netdev, 'n0');
  assert.equal(
    [values?.mrg_rxbuf, values?.csum, values?.host_mtu, values?.rx_queue_size],
    [false, true, 9000, 256],
  );
  assert.throws(() => device(',mq=on'), /'mq' supports only 'off'/);
  assert.throws(() => device(',rx_queue_size=300'), /'rx_queue_size' supports only '256', '512', '1024'/);
  assert.throws(() => device(',tx_queue_size=512'), /'tx_queue_size' supports only '256'/);
});

test.run();
