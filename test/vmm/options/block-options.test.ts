/** `-blockdev` and `-drive`: what they say, and what is refused by name. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OptionError, parseOptions } from '../../../vmm/options/options.js';

const test = suite('block options');

const parse = (...argv: readonly string[]) => parseOptions(['-kernel', 'k', ...argv]);

function refusal(...argv: readonly string[]): string {
  try {
    parse(...argv);
  } catch (error) {
    if (error instanceof OptionError) return error.message;
    throw error;
  }
  throw new Error(`expected a refusal of ${argv.join(' ')}`);
}

test('a node says the same in JSON and as a list', () => {
  const list =
    'raw,node-name=n0,cache.direct=on,discard=unmap,file.driver=file,file.filename=/a,,b,file.locking=off';
  const file = { driver: 'file', filename: '/a,b', locking: 'off' };
  const json = { driver: 'raw', 'node-name': 'n0', cache: { direct: true }, discard: 'unmap', file };
  const [node] = parse('-blockdev', list).blockdevs;
  assert.equal(parse('-blockdev', JSON.stringify(json)).blockdevs[0], node);
  const base = { readOnly: false, autoReadOnly: false, direct: true, noFlush: false, discard: 'unmap' };
  assert.equal(node, {
    ...base,
    nodeName: 'n0',
    driver: 'raw',
    file: { ...base, nodeName: null, driver: 'file', path: '/a,b', locking: 'off' },
  });
});

test('an inner node takes over caches and read-only, not the discard policy, and may say otherwise', () => {
  const outer = 'raw,node-name=n0,read-only=on,cache.no-flush=on,file.driver=file,file.filename=a';
  const [node] = parse('-blockdev', `${outer},file.read-only=off`).blockdevs;
  assert.ok(node?.driver === 'raw' && typeof node.file !== 'string');
  const { readOnly, noFlush, discard } = node.file;
  assert.equal(
    [node.readOnly, node.discard, readOnly, noFlush, discard],
    [true, 'ignore', false, true, 'unmap'],
  );
});

test('a drive is a raw node with policies; with if=virtio, or without if, a device comes with it', () => {
  const { drives, devices } = parse(
    ...[
      '-drive',
      'if=none,id=d0,file=a.img,format=raw,cache=directsync,werror=stop,rerror=ignore,discard=on',
    ],
    ...['-drive', 'file=/dev/sdx,format=raw,readonly=on'],
  );
  const [first, second] = drives;
  assert.equal(
    [first?.id, first?.writeback, first?.writeErrors, first?.readErrors],
    ['d0', false, 'stop', 'ignore'],
  );
  assert.equal([first?.node.direct, first?.node.discard, first?.node.readOnly], [true, 'unmap', false]);
  assert.ok(second?.node.driver === 'raw' && typeof second.node.file !== 'string');
  assert.equal([second.id, second.node.file.driver, second.node.readOnly], ['virtio0', 'host_device', true]);
  assert.equal(
    devices.map(({ driver, values }) => [driver, values.drive]),
    [['virtio-blk-device', 'virtio0']],
  );
});

test('cache modes are those of QEMU', () => {
  const modes = ['none', 'writeback', 'writethrough', 'directsync', 'unsafe'].map((cache) => {
    const [drive] = parse('-drive', `if=none,id=d,file=a,format=raw,cache=${cache}`).drives;
    return [drive?.node.direct, drive?.node.noFlush, drive?.writeback];
  });
  assert.equal(modes, [
    [true, false, true],
    [false, false, true],
    [false, false, false],
    [true, false, false],
    [false, true, true],
  ]);
});

const N = 'node-name=n0';
const D = 'if=none,id=d0,file=a.img';
const REFUSALS: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    'a node without a name',
    ['-blockdev', 'file,filename=a'],
    /'node-name' must be specified for the root node/,
  ],
  ['a node without a driver', ['-blockdev', N], /parameter 'driver' is missing/],
  ['an unknown driver', ['-blockdev', `foo,${N}`], /Parameter 'driver' does not accept value 'foo'/],
  [
    'another format',
    ['-blockdev', `qcow2,${N},file=f`],
    /'qcow2' is not offered.*qemu-storage-daemon.*vhost-user-blk/,
  ],
  ['a raw node over nothing', ['-blockdev', `raw,${N}`], /Parameter 'file' is missing/],
  ['a file without a name', ['-blockdev', `file,${N}`], /parameter 'filename' is missing/],
  ['a name that is none', ['-blockdev', 'null-co,node-name=0n'], /Invalid node-name: '0n'/],
  ['io_uring', ['-blockdev', `file,${N},filename=a,aio=io_uring`], /'aio' supports only 'threads'/],
  ['detection of zeros', ['-blockdev', `file,${N},filename=a,detect-zeroes=on`], /supports only 'off'/],
  ['what is unknown', ['-blockdev', `file,${N},filename=a,foo=1`], /unknown parameter 'foo'/],
  [
    'two nodes of one name',
    ['-blockdev', `null-co,${N}`, '-blockdev', `null-co,${N}`],
    /Duplicate nodes.*'n0'/,
  ],
  [
    'a drive without a file',
    ['-drive', 'if=none,id=d0,format=raw'],
    /A block device must be specified for "file"/,
  ],
  ['a format to be guessed', ['-drive', D], /parameter 'format' is missing: say format=raw/],
  ['a drive of another format', ['-drive', `${D},format=qcow2`], /'qcow2' is not offered/],
  ['another bus', ['-drive', `${D},format=raw,if=ide`], /unsupported bus type 'ide'/],
  ['an unknown cache mode', ['-drive', `${D},format=raw,cache=foo`], /invalid cache option/],
  ['a policy that is none', ['-drive', `${D},format=raw,werror=foo`], /'foo' invalid write error action/],
  ['enospc for reads', ['-drive', `${D},format=raw,rerror=enospc`], /'enospc' invalid read error action/],
  [
    'two drives of one id',
    ['-drive', `${D},format=raw`, '-drive', `${D},format=raw`],
    /Duplicate ID 'd0' for drive/,
  ],
  ['disks without a machine', ['-machine', 'none', '-blockdev', `null-co,${N}`], /needs a machine/],
];

for (const [what, argv, expected] of REFUSALS) {
  test(`refuses ${what} and names it`, () => assert.match(refusal(...argv), expected));
}

test.run();
