import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildDeviceTree, withChosen } from '../../../vmm/firmware/device-tree.js';
import { decodeFdt, encodeFdt, FdtError, type FdtNode, fdtNode } from '../../../vmm/firmware/fdt.js';

const test = suite('device trees');
const CHOSEN = {
  bootargs: 'console=ttyS0',
  initrd: { start: 0x84000000, end: 0x1_0000_0010 },
  rngSeed: new Uint8Array(32),
};

function find(root: FdtNode, path: string): FdtNode {
  let node = root;
  for (const name of path.split('/').filter((part) => part !== '')) {
    const child = node.children.find((candidate) => candidate.name === name);
    if (child === undefined) throw new Error(`no node ${name} of ${path}`);
    node = child;
  }
  return node;
}

function cells(node: FdtNode, name: string): number[] {
  const value = node.properties.get(name);
  if (!(value instanceof Uint8Array)) throw new Error(`no property ${name}`);
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return Array.from({ length: value.length / 4 }, (_, index) => view.getUint32(4 * index));
}

function text(node: FdtNode, name: string): string {
  const value = node.properties.get(name);
  return Buffer.from(value instanceof Uint8Array ? value : []).toString();
}

const virt = () => decodeFdt(encodeFdt(buildDeviceTree(128 * 2 ** 20, CHOSEN)));

test('what is encoded comes back', () => {
  const tree = fdtNode(
    '',
    { a: [1, 0xffffffff], b: 'text', c: ['x', 'yz'], d: null, e: Uint8Array.of(1, 2, 3) },
    [fdtNode('child', { a: [2] }, [fdtNode('grandchild@1', {})]), fdtNode('other', {})],
  );
  const decoded = decodeFdt(encodeFdt(tree));
  assert.equal(cells(decoded, 'a'), [1, 0xffffffff]);
  assert.is(text(decoded, 'b'), 'text\0');
  assert.is(text(decoded, 'c'), 'x\0yz\0');
  assert.is(text(decoded, 'd'), '');
  assert.equal(decoded.properties.get('e'), Uint8Array.of(1, 2, 3));
  assert.equal(cells(find(decoded, '/child'), 'a'), [2]);
  assert.equal(
    decoded.children.map(({ name }) => name),
    ['child', 'other'],
  );
  assert.is(find(decoded, '/child/grandchild@1').children.length, 0);
});

test('the header says where things are, as the specification draws it', () => {
  const blob = Buffer.from(encodeFdt(fdtNode('', { a: [1] })));
  assert.equal(
    Array.from({ length: 10 }, (_, index) => blob.readUInt32BE(4 * index)),
    [0xd00dfeed, blob.length, 56, 56 + 32, 40, 17, 16, 0, 2, 32],
  );
});

test('bytes that are no tree are one kind of error, wherever they are cut or changed', () => {
  const blob = encodeFdt(buildDeviceTree(2 ** 27, CHOSEN));
  const decodes = (bytes: Uint8Array) => {
    try {
      decodeFdt(bytes);
    } catch (error) {
      assert.instance(error, FdtError);
    }
  };
  assert.throws(() => decodeFdt(new Uint8Array(0)), /wrong magic/);
  assert.throws(() => decodeFdt(blob.subarray(0, blob.length - 1)), /cut off/);
  for (let length = 0; length < blob.length; length += 7) decodes(blob.subarray(0, length));
  for (let at = 0; at < blob.length; at++) {
    const changed = Uint8Array.from(blob);
    changed[at] = 0xff - (changed[at] ?? 0);
    decodes(changed);
  }
});

test('a tree that is too deep is refused', () => {
  let tree = fdtNode('x', {});
  for (let depth = 0; depth < 40; depth++) tree = fdtNode('x', {}, [tree]);
  assert.throws(() => decodeFdt(encodeFdt(tree)), /more than 32 deep/);
});

test('the machine has the nodes of QEMU virt for its devices', () => {
  const root = virt();
  assert.is(text(root, 'compatible'), 'riscv-virtio\0');
  const soc = find(root, '/soc').children.map(({ name }) => name);
  const slots = [8, 7, 6, 5, 4, 3, 2, 1].map((slot) => `virtio_mmio@1000${slot}000`);
  assert.equal(soc, [
    'rtc@101000',
    'serial@10000000',
    'test@100000',
    ...slots,
    'interrupt-controller@c000000',
    'clint@2000000',
  ]);
  assert.equal(cells(find(root, '/memory@80000000'), 'reg'), [0, 0x80000000, 0, 0x8000000]);
  assert.equal(cells(find(root, '/cpus'), 'timebase-frequency'), [10_000_000]);
});

test('interrupts lead from each device to the hart', () => {
  const root = virt();
  const plic = find(root, '/soc/interrupt-controller@c000000');
  const intc = find(root, '/cpus/cpu@0/interrupt-controller');
  for (const [path, irq] of [
    ['/soc/rtc@101000', 11],
    ['/soc/serial@10000000', 10],
    ['/soc/virtio_mmio@10001000', 1],
    ['/soc/virtio_mmio@10008000', 8],
  ] as const) {
    assert.equal(cells(find(root, path), 'interrupts'), [irq]);
    assert.equal(cells(find(root, path), 'interrupt-parent'), cells(plic, 'phandle'));
  }
  const [hart] = cells(intc, 'phandle');
  assert.equal(cells(plic, 'interrupts-extended'), [hart, 11, hart, 9]);
  assert.equal(cells(find(root, '/soc/clint@2000000'), 'interrupts-extended'), [hart, 3, hart, 7]);
});

test('poweroff and reboot point at the test device', () => {
  const root = virt();
  const test = cells(find(root, '/soc/test@100000'), 'phandle');
  for (const [name, value] of [
    ['poweroff', 0x5555],
    ['reboot', 0x7777],
  ] as const) {
    const node = find(root, `/${name}`);
    assert.equal(cells(node, 'regmap'), test);
    assert.equal(cells(node, 'value'), [value]);
    assert.is(text(node, 'compatible'), `syscon-${name}\0`);
  }
});

test('chosen carries the command line, the initrd in 64 bits and the seed', () => {
  const chosen = find(virt(), '/chosen');
  assert.is(text(chosen, 'bootargs'), 'console=ttyS0\0');
  assert.equal(cells(chosen, 'linux,initrd-start'), [0, 0x84000000]);
  assert.equal(cells(chosen, 'linux,initrd-end'), [1, 0x10]);
  assert.is(text(chosen, 'stdout-path'), '/soc/serial@10000000\0');
  assert.is(cells(chosen, 'rng-seed').length, 8);
});

test("a user's tree keeps all it has and gains the loader's choices", () => {
  const own = fdtNode('', { model: 'mine' }, [
    fdtNode('chosen', { bootargs: 'old', keep: [7] }, [fdtNode('inside', {})]),
    fdtNode('soc', {}),
  ]);
  const merged = decodeFdt(encodeFdt(withChosen(decodeFdt(encodeFdt(own)), { ...CHOSEN, initrd: null })));
  const chosen = find(merged, '/chosen');
  assert.is(text(merged, 'model'), 'mine\0');
  assert.is(text(chosen, 'bootargs'), 'console=ttyS0\0');
  assert.equal(cells(chosen, 'keep'), [7]);
  assert.is(chosen.properties.has('linux,initrd-start'), false);
  assert.is(find(merged, '/chosen/inside').name, 'inside');
  assert.is(find(merged, '/soc').name, 'soc');
});

test.run();
