/** Block nodes and who uses them: names, one user each, and locks that are a source's as well. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, lockOfd, testOfd } from '../../../native/index.js';
import { lockImage, useOfDevice } from '../../../vmm/block/image-lock.js';
import { BlockNodes } from '../../../vmm/block/nodes.js';
import { CarriedDescriptors } from '../../../vmm/carried.js';
import { readBlockNode } from '../../../vmm/options/block-options.js';
import { duplicate } from '../../helpers/duplicate.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { locksOn, makeImage } from '../disk-host.js';

const HELD = ['READ 100 101', 'READ 201 201'];
const USER = { name: "block device 'disk0'", isReadOnly: false, sharesWriting: false };

let dir: TempDir;
let path: string;

const test = suite('block nodes');

test.before.each(async () => {
  dir = await tempDir();
  path = makeImage(join(dir.path, 'disk.img'));
});

test.after.each(() => dir.remove());

const fresh = () => new BlockNodes(new CarriedDescriptors([]), false);
const raw = (name = 'n0') =>
  readBlockNode('-blockdev', `raw,node-name=${name},file.driver=file,file.filename=${path}`);

test('inner nodes come and go with those they were declared in, and are behind them in the list', () => {
  const nodes = fresh();
  nodes.open(readBlockNode('-blockdev', `file,node-name=f0,filename=${path}`));
  nodes.open(readBlockNode('-blockdev', 'raw,node-name=top,file=f0'));
  nodes.open(raw());
  const names = () => nodes.list().map(({ name }) => name);
  assert.equal(names(), ['f0', 'top', 'n0', '#block001']);
  assert.throws(() => nodes.close('f0'), /Block device f0 is in use/);
  assert.throws(() => nodes.close('#block001'), /is not owned by the monitor/);
  assert.throws(() => nodes.open(raw()), /Duplicate nodes with node-name='n0'/);
  assert.throws(() => nodes.close('n9'), /Cannot find device='n9' nor node-name='n9'/);
  nodes.close('n0');
  nodes.close('top');
  nodes.close('f0');
  assert.equal(names(), []);
});

test('what uses a node uses those below it', () => {
  const nodes = fresh();
  const below = nodes.open(readBlockNode('-blockdev', `file,node-name=f0,filename=${path}`));
  const top = nodes.open(readBlockNode('-blockdev', 'raw,node-name=top,file=f0'));
  nodes.use(top, USER);
  assert.equal([nodes.userOf(below), locksOn(path)], [USER, HELD]);
  assert.throws(() => nodes.use(below, USER), /Permission conflict on node 'f0'/);
  assert.throws(() => nodes.close('top'), /Node top is in use/);
  nodes.release(top);
  assert.equal([nodes.userOf(below), locksOn(path)], [null, []]);
  nodes.closeAll();
});

test('the same image under two nodes is refused, as by another process', () => {
  const nodes = fresh();
  nodes.use(nodes.open(raw('a')), USER);
  const other = nodes.open(raw('b'));
  assert.throws(() => nodes.use(other, USER), /Failed to get "write" lock/);
  assert.equal([nodes.userOf(other), locksOn(path)], [null, HELD]);
  nodes.closeAll();
  assert.equal(locksOn(path), []);
});

/** A target with the descriptor, and the locks, of a source. */
function handedOver() {
  const source = openSync(path, 'r+');
  lockImage(source, path, useOfDevice(false, false));
  const nodes = new BlockNodes(
    new CarriedDescriptors([{ name: 'block/n0', id: 0, fd: duplicate(source) }]),
    true,
  );
  const node = nodes.open(raw());
  nodes.use(node, USER);
  return { source, nodes, node };
}

test('a target that never ran leaves the locks that came to its source, however it ends', async () => {
  for (const activates of [false, true]) {
    const { source, nodes, node } = handedOver();
    if (activates) nodes.activate();
    await nodes.inactivate(false);
    nodes.release(node);
    nodes.closeAll();
    assert.equal(locksOn(path), HELD);
    closeSync(source);
    assert.equal(locksOn(path), []);
  }
});

test('a source leaves them to its target', () => {
  const { source, nodes, node } = handedOver();
  nodes.activate();
  nodes.guestRuns(true);
  const [carried] = nodes.carry();
  assert.is(carried?.name, 'block/n0');
  const target = duplicate(carried?.fd ?? -1);
  closeSync(source);
  nodes.carried('gone');
  nodes.release(node);
  nodes.closeAll();
  assert.equal(locksOn(path), HELD);
  closeFd(target);
  assert.equal(locksOn(path), []);
});

test('who holds a lock for a moment is not in the way of a target that has its own', () => {
  const { source, nodes } = handedOver();
  const passerBy = openSync(path, 'r+');
  assert.ok(lockOfd(passerBy, 'read', 201, 1));
  assert.is.not(testOfd(source, 'write', 201, 1), null);
  nodes.activate();
  assert.ok(nodes.areActive);
  closeSync(passerBy);
  closeSync(source);
  nodes.closeAll();
});

test('a machine that is migrated by its state gives its locks up, and may find them taken', async () => {
  const nodes = fresh();
  nodes.use(nodes.open(raw()), USER);
  await nodes.inactivate(true);
  assert.equal([nodes.areActive, locksOn(path)], [false, []]);
  const other = openSync(path, 'r+');
  lockImage(other, path, useOfDevice(false, false));
  assert.throws(() => nodes.activate(), /Failed to get "write" lock/);
  assert.equal([nodes.areActive, locksOn(path)], [false, HELD]);
  closeSync(other);
  nodes.activate();
  assert.equal([nodes.areActive, locksOn(path)], [true, HELD]);
  nodes.closeAll();
});

test.run();
