import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QmpCommandError } from '../../../daemon/instance/qmp-errors.js';
import type { RunningInstance } from '../../../daemon/instance/running-instance.js';
import {
  askHardware,
  type GuestHardware,
  hardwareDifferences,
} from '../../../daemon/upgrade/guest-hardware.js';

const DISK = { 'node-name': 'disk0', file: '/d', drv: 'raw' };
const ANSWERS: Record<string, unknown> = {
  'query-cpus-fast': [{ 'cpu-index': 0, props: { 'core-id': 0 }, 'thread-id': 7 }],
  'qom-list': [
    { name: 'type', type: 'string' },
    { name: 'nic0', type: 'child<virtio-net-pci>' },
  ],
  'query-block': [{ device: '', qdev: '/machine/peripheral/disk0', inserted: DISK }],
  'query-named-block-nodes': [DISK, { 'node-name': '#block123', drv: 'file', file: '/d' }],
  'query-memdev': [{ id: 'ram0', size: 64, share: true }],
  'query-memory-devices': [{ type: 'dimm', data: { id: 'dimm0', addr: 1, size: 2, memdev: '/objects/m' } }],
  'query-chardev': [{ label: 'serial0', filename: 'disconnected:unix:/r/1/serial.sock,server=on' }],
};

function hardware(changed: Record<string, unknown> = {}): Promise<GuestHardware> {
  const answers = { ...ANSWERS, ...changed };
  const execute = async (command: string) => {
    if (answers[command] === null) throw new QmpCommandError(command, 'CommandNotFound', 'unknown');
    return answers[command];
  };
  return askHardware({ qmp: { execute } } as unknown as RunningInstance, new AbortController().signal);
}

async function differences(changed: Record<string, unknown>): Promise<readonly string[]> {
  return hardwareDifferences(await hardware(), await hardware(changed));
}

const test = suite('what a guest is made of');

test('threads, paths of a generation, names that were made up and more detail make no difference', async () => {
  const changed = {
    'query-cpus-fast': [{ 'cpu-index': 0, props: { 'core-id': 0, 'socket-id': 0 }, 'thread-id': 8 }],
    'query-named-block-nodes': [{ 'node-name': '#block9', drv: 'file', file: '/d' }, DISK],
    'query-chardev': [{ label: 'serial0', filename: 'unix:/r/2/serial.sock,server=on' }],
  };
  assert.equal(await differences(changed), []);
});

test('what is lacking, what is more, and what is another is told by its name', async () => {
  assert.equal(await differences({ 'query-cpus-fast': [] }), ['the target lacks vCPU 0']);
  assert.equal(await differences({ 'qom-list': [] }), ['the target lacks device nic0']);
  const other = { 'node-name': 'disk0', file: '/e', drv: 'raw' };
  assert.equal(await differences({ 'query-named-block-nodes': [other] }), [
    'block node disk0 has file "/e" instead of "/d"',
  ]);
  assert.equal(await differences({ 'query-memdev': [{ id: 'ram0', size: 64, share: false }] }), [
    'memory backend ram0 has share false instead of true',
  ]);
  assert.equal(await differences({ 'query-memory-devices': [] }), ['the target lacks memory device dimm0']);
  assert.equal(await differences({ 'query-chardev': [{ label: 'serial0', filename: 'pty:/dev/pts/1' }] }), [
    'chardev serial0 has backend "pty" instead of "unix"',
  ]);
  const more = [DISK, { 'node-name': 'disk1', drv: 'raw', file: '/f' }];
  assert.equal(await differences({ 'query-named-block-nodes': more }), [
    'the target has a block node disk1 that the source has not',
  ]);
});

test('a disk whose medium is gone is a difference', async () => {
  const [first] = await differences({ 'query-block': [{ device: '', qdev: '/machine/peripheral/disk0' }] });
  assert.is(first, 'block device /machine/peripheral/disk0 has node null instead of "disk0"');
});

test('what one side does not say is not compared', async () => {
  assert.equal(await differences({ 'query-memory-devices': null, 'qom-list': null }), []);
});

test('a list of differences has an end', async () => {
  const vcpus = Array.from({ length: 100 }, (_, index) => ({ 'cpu-index': index + 1, props: {} }));
  const found = await differences({ 'query-cpus-fast': vcpus });
  assert.equal([found.length, found.at(-1)], [9, '93 more']);
});

test.run();
