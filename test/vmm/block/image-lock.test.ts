/** Locks of images: the same bytes as QEMU's, and each of the two programs respects the other's. */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DiskUse, diskArgs, locksOn, makeImage, QemuProcess, qemuMissing } from '../disk-host.js';
import { VmmHost, type VmmProcess } from '../vmm-process.js';

const missing = qemuMissing();
const test = suite(
  missing === null ? 'locks of images beside QEMU' : `locks of images (skipped: ${missing})`,
);

let host: VmmHost;
let image: string;
let qemus: QemuProcess[];

test.before.each(async () => {
  host = await VmmHost.create();
  image = makeImage(join(host.path, 'disk.img'));
  qemus = [];
});

test.after.each(async () => {
  for (const qemu of qemus) await qemu.kill();
  await host.remove();
});

function qemu(args: readonly string[]): QemuProcess {
  const started = new QemuProcess(host.path, args);
  qemus.push(started);
  return started;
}

/** Baton's VMM, when it is ready or has refused. */
async function baton(extra: readonly string[]): Promise<VmmProcess> {
  return host.launch({ memoryArgs: ['-m', '16M'], extra, stopped: true });
}

const USES: readonly (readonly [string, DiskUse])[] = [
  ['written', {}],
  ['written, shared', { shareRw: true }],
  ['read', { readOnly: true }],
  ['read, shared', { readOnly: true, shareRw: true }],
];

/** What QEMU says of its own kind; null: both may. */
const WRITE = 'Failed to get "write" lock';
const SHARED = 'Failed to get shared "write" lock';
const VERDICTS: readonly (readonly (string | null)[])[] = [
  [WRITE, WRITE, SHARED, null],
  [SHARED, null, SHARED, null],
  [WRITE, WRITE, null, null],
  [null, null, null, null],
];

if (missing === null) {
  for (const [row, [how, use]] of USES.entries()) {
    test(`an image that is ${how}: the same bytes, the same neighbours`, async () => {
      const theirs = qemu(diskArgs(image, use));
      await (await theirs.monitor()).close();
      const expected = locksOn(image);
      for (const [column, [, other]] of USES.entries()) {
        const verdict = VERDICTS[row]?.[column] ?? null;
        const ours = await baton(diskArgs(image, other));
        if (verdict === null) await (await ours.monitor()).close();
        else {
          assert.is(await ours.exitCode(), 1);
          // Baton's complaints are of one line.
          assert.match(ours.stderr, `${verdict} Is another process using the image [${image}]?`);
        }
        if (ours.ended === null) await ours.kill();
      }
      await theirs.kill();

      const ours = await baton(diskArgs(image, use));
      await (await ours.monitor()).close();
      assert.equal(locksOn(image), expected);
      for (const [column, [, other]] of USES.entries()) {
        const verdict = VERDICTS[row]?.[column] ?? null;
        const next = qemu(diskArgs(image, other));
        if (verdict === null) await (await next.monitor()).close();
        else assert.match(await next.refusal(), `${verdict}\nIs another process using the image [${image}]?`);
        await next.kill();
      }
    });
  }

  test('nodes without a device, and locking=off, lock nothing; a target not before it takes over', async () => {
    const file = `file.driver=file,file.filename=${image}`;
    for (const extra of [
      ['-blockdev', `raw,node-name=n0,${file}`],
      ['-blockdev', `raw,node-name=n0,${file},file.locking=off`, '-device', 'virtio-blk-device,drive=n0'],
      [...diskArgs(image), '-incoming', 'defer'],
    ]) {
      const ours = await host.launch({ memoryArgs: ['-m', '16M'], extra, stopped: true });
      await (await ours.monitor()).close();
      assert.equal(locksOn(image), []);
      await ours.kill();
    }
  });
}

test.run();
