/**
 * The daemon is killed at each moment of suspending and restoring a machine on real QEMU. Afterwards the guest is
 * in exactly one place: in one VMM, or in a file that can be restored. Where the VMM ends too, as when the host
 * goes down, a file that is complete is the guest.
 */
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import { findInCache } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor } from '../../helpers/wait.js';
import { ticksOf, vmmPids } from '../fixture.js';
import { type QemuRecovery, startQemuRecovery } from '../upgrade/qemu-recovery.js';
import { endRecovery, type MachineDocument } from '../upgrade/recovery-fixture.js';

const SUITE = 'suspend and restore of real QEMU, daemon killed';
const qemu = findInCache().qemu('11.1', 'x86_64');
const test = suite<QemuRecovery>(SUITE);

test.before(async (recovery) => {
  const [binary = ''] = 'missing' in qemu ? [] : qemu.argvPrefix;
  const plan = { architecture: 'x86_64', source: binary, target: binary } as const;
  await startQemuRecovery(recovery, { mode: 'cpr-reboot', ...plan });
});

test.after(endRecovery);

interface OperationDocument {
  readonly kind: string;
  readonly state: string;
  readonly error: { readonly code: string } | null;
}

const machineOf = ({ daemon, id }: QemuRecovery) => daemon.client.get<MachineDocument>(`/v1/machines/${id}`);
const ask = ({ daemon, id }: QemuRecovery, action: string) =>
  daemon.client.perform(`/v1/machines/${id}/${action}`);
const hasState = ({ folders, id }: QemuRecovery) => existsSync(`${folders.stateDir}/machines/${id}/saved`);

async function killVmms({ folders }: QemuRecovery): Promise<void> {
  const host = new LinuxProcesses();
  for (const process of host.findByArgument(`unix:${folders.runtimeDir}/`)) await host.kill(process, 10_000);
}

/** Returns how the operation ended, once a daemon was started again. */
async function dieDuring(
  recovery: QemuRecovery,
  action: 'suspend' | 'restore',
  moment: string,
  meanwhile: (recovery: QemuRecovery) => Promise<void> = async () => undefined,
): Promise<string> {
  const { daemon, id } = recovery;
  daemon.dieAt(moment);
  await daemon.client.post(`/v1/machines/${id}/${action}`).catch(() => null);
  await daemon.died();
  await meanwhile(recovery);
  await daemon.start();
  const { state, error } = await waitFor(
    async () => {
      const { operations } = await daemon.client.get<{ operations: OperationDocument[] }>('/v1/operations');
      const [last] = operations;
      return last?.kind === action && last.state !== 'running' ? last : null;
    },
    { deadlineMs: 30_000, what: `the ${action} to end after the restart` },
  );
  return error === null ? state : `${state}: ${error.code}`;
}

async function ticks(recovery: QemuRecovery, above: number): Promise<number> {
  const { generation } = await machineOf(recovery);
  return ticksOf(recovery.folders, recovery.id, generation, above);
}

async function goesOn(recovery: QemuRecovery, before: number): Promise<void> {
  assert.is((await machineOf(recovery)).state, 'running');
  assert.is(vmmPids(recovery.folders).length, 1, 'one VMM');
  assert.is(hasState(recovery), false, 'no state');
  await ticks(recovery, before + 50);
}

async function isSuspended(recovery: QemuRecovery, before: number): Promise<void> {
  assert.is((await machineOf(recovery)).state, 'suspended');
  assert.equal(vmmPids(recovery.folders), [], 'no VMM');
  await ask(recovery, 'restore');
  await goesOn(recovery, before);
}

for (const moment of ['suspend:ready', 'suspend:saving', 'suspend:saved', 'suspend:kept']) {
  test(`killed at ${moment}: the guest goes on in its VMM`, async (recovery) => {
    const before = await ticks(recovery, 0);
    assert.is(await dieDuring(recovery, 'suspend', moment), 'failed: daemon_restarted');
    await goesOn(recovery, before);
  });
}

for (const moment of ['suspend:recorded', 'suspend:ended']) {
  test(`killed at ${moment}: the machine is suspended`, async (recovery) => {
    const before = await ticks(recovery, 0);
    assert.is(await dieDuring(recovery, 'suspend', moment), 'succeeded');
    await isSuspended(recovery, before);
  });
}

test('killed at suspend:kept, and the VMM too: the file is the guest', async (recovery) => {
  const before = await ticks(recovery, 0);
  assert.is(await dieDuring(recovery, 'suspend', 'suspend:kept', killVmms), 'succeeded');
  await isSuspended(recovery, before);
});

for (const moment of ['spawned:target', 'restore:loaded']) {
  test(`killed at ${moment}: it stays suspended`, async (recovery) => {
    const before = await ticks(recovery, 0);
    await ask(recovery, 'suspend');
    assert.is(await dieDuring(recovery, 'restore', moment), 'failed: daemon_restarted');
    await isSuspended(recovery, before);
  });
}

for (const moment of ['restore:recorded', 'restore:running', 'restore:forgotten']) {
  test(`killed at ${moment}: it is restored`, async (recovery) => {
    const before = await ticks(recovery, 0);
    await ask(recovery, 'suspend');
    assert.is(await dieDuring(recovery, 'restore', moment), 'succeeded');
    await goesOn(recovery, before);
  });
}

test('killed at suspend:saved, and the VMM too: nothing complete is there, and that is told', async (recovery) => {
  await ticks(recovery, 0);
  assert.is(await dieDuring(recovery, 'suspend', 'suspend:saved', killVmms), 'failed: daemon_restarted');
  assert.is((await machineOf(recovery)).state, 'crashed');
  assert.is(hasState(recovery), false, 'no state');
  await ask(recovery, 'start');
});

test('killed at restore:running, and the VMM too: a state that is older than the disks is not loaded again', async (recovery) => {
  await ticks(recovery, 0);
  await ask(recovery, 'suspend');
  assert.is(await dieDuring(recovery, 'restore', 'restore:running', killVmms), 'failed: daemon_restarted');
  assert.is((await machineOf(recovery)).state, 'crashed');
  assert.is(hasState(recovery), false, 'no state');
});

if ('missing' in qemu) skipSuite(SUITE, qemu.missing);
else test.run();
