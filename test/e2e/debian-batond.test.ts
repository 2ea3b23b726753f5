/**
 * A whole Debian on baton-vmm under batond, over REST alone: created, started, asked by its agent, upgraded with a
 * notice and frozen filesystems, and unharmed by targets that die. One ssh connection lives through all of it.
 */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Folders, makeFolders } from '../daemon/fixture.js';
import { MortalDaemon } from '../daemon/mortal-daemon.js';
import type { DaemonClient } from '../demo/daemon-client.js';
import { endProcessesNaming } from '../demo/leftovers.js';
import { findInCache } from '../fetch/cache.js';
import {
  copyDebianDisk,
  debianSystemBoot,
  debianSystemMissing,
  RUNNING_LINE,
  sshDebianSystem,
} from '../guests/linux/debian-system.js';
import { checkFilesystem, diskToolsMissing } from '../guests/linux/disk-image.js';
import { skipSuite } from '../helpers/skip.js';
import { waitFor } from '../helpers/wait.js';
import { DebianSession } from './debian-session.js';
import { isInOwnNetwork, makeNetwork, ownNetworkMissing } from './own-network.js';
import { endPasst, PASST_ADDRESS, PASST_ROUTER, SSH_FORWARD, SSH_PORT, startPasst } from './passt.js';

const SUITE = 'Debian on baton-vmm under batond';
const BOOT_DEADLINE_MS = 180_000;
const UPGRADE_DEADLINE_MS = 60_000;
const POWER_OFF_MS = 60_000;
const HOOK = '/etc/baton/notice';

interface Context {
  folders: Folders;
  passt: ChildProcess;
  /** One that has patience with a guest whose processor is emulated beside other tests. */
  daemon: MortalDaemon;
  client: DaemonClient;
  disk: string;
  /** Of the machine: `/v1/machines/…`. */
  path: string;
  session: DebianSession;
}

interface Upgrade {
  readonly state: string;
  readonly pauseMs: number | null;
  readonly reason: { readonly code: string } | null;
  readonly guest: { readonly acts: readonly { act: string; result: string; detail: string | null }[] };
  readonly finishedAt: string | null;
}

const test = suite<Context>(SUITE);

test.before(async (context) => {
  await makeNetwork('outside', `${PASST_ADDRESS}/24`, PASST_ROUTER);
  const folders = await makeFolders();
  context.folders = folders;
  context.disk = await copyDebianDisk(folders.path);
  context.passt = await startPasst(`${folders.path}/net`, { ports: [SSH_FORWARD] });
  context.daemon = new MortalDaemon(folders);
  await context.daemon.start();
  context.client = context.daemon.client;
});
test.after(async ({ folders, passt, daemon, session }) => {
  session?.close();
  await daemon?.stop();
  await endProcessesNaming(folders.path);
  if (passt !== undefined) await endPasst(passt);
  await folders.remove();
});

async function upgrade({ client, path }: Context, request: object): Promise<Upgrade> {
  const { upgrade: at } = await client.post<{ upgrade: string }>(`${path}/upgrade`, request);
  const ended = async () => {
    const document = await client.get<Upgrade>(at);
    return document.finishedAt === null ? undefined : document;
  };
  return waitFor(ended, { deadlineMs: UPGRADE_DEADLINE_MS, pollMs: 50, what: 'the upgrade to end' });
}

test('it is created from a document, started, and boots until everything runs', async (context) => {
  const { client, disk, folders } = context;
  const document = {
    ...{ name: 'debian', ...debianSystemBoot(), guestAgent: true },
    ...{ disks: [{ path: disk }], nics: [{ kind: 'stream', path: `${folders.path}/net` }] },
  };
  context.path = `/v1/machines/${(await client.post<{ id: string }>('/v1/machines', document)).id}`;
  await client.perform(`${context.path}/start`);
  const said = async () =>
    (await client.getText(`${context.path}/instances/1/console`, 'console_not_found'))?.includes(
      RUNNING_LINE,
    );
  await waitFor(said, { deadlineMs: BOOT_DEADLINE_MS, pollMs: 500, what: 'Debian to run' });
  context.session = await DebianSession.open(SSH_PORT);
  await context.session.worksOn();
});

test('its agent tells what it is', async ({ client, path }) => {
  const guest = await client.get<{
    hostname: string;
    canFreeze: boolean;
    isFrozen: boolean;
    system: { id: string; architecture: string };
    interfaces: { name: string; addresses: { address: string; prefix: number }[] }[];
    filesystems: { mountpoint: string; type: string }[];
  }>(`${path}/guest`);
  assert.equal([guest.hostname, guest.canFreeze, guest.isFrozen], ['baton-debian', true, false]);
  assert.equal([guest.system.id, guest.system.architecture], ['debian', 'riscv64']);
  const card = guest.interfaces.find(({ name }) => name === 'eth0');
  assert.ok(card?.addresses.some(({ address, prefix }) => address === PASST_ADDRESS && prefix === 24));
  assert.ok(guest.filesystems.some(({ mountpoint, type }) => mountpoint === '/' && type === 'ext4'));
});

test('it is told of upgrades, frozen for them and thawed after', async (context) => {
  const install = `mkdir -p /etc/baton && printf '#!/bin/sh\\necho "$*" >> /run/notices\\n' > ${HOOK} && chmod +x ${HOOK}`;
  await sshDebianSystem(SSH_PORT, install);
  for (const [index, mode] of ['cpr-transfer', 'cpr-exec'].entries()) {
    const reason = `for ${mode}`;
    const ended = await upgrade(context, { mode, reason, notifyGuest: true, freezeFilesystems: true });
    assert.is(ended.state, 'succeeded', JSON.stringify(ended.reason));
    const acts = ended.guest.acts.map(({ act, result, detail }) => `${act} ${result} ${detail ?? ''}`.trim());
    assert.equal(acts, ['notice-before done', 'freeze done', 'thaw done', 'notice-after done']);
    await context.session.worksOn();
    const notices = (await sshDebianSystem(SSH_PORT, 'cat /run/notices')).split('\n').slice(2 * index);
    assert.match(
      notices.join('\n'),
      new RegExp(`^before \\S+ \\d+ ${reason}\nafter \\S+ \\d+ ${reason} moved$`),
    );
  }
});

for (const mode of ['cpr-transfer', 'cpr-exec']) {
  test(`a target that dies in ${mode} leaves it as it was`, async (context) => {
    const { client, folders, session, path } = context;
    const program = `${folders.path}/dies-in-${mode}.mjs`;
    const takesOver =
      "process.argv.includes('-incoming') && !process.argv.some((word) => word.includes('/trial/'))";
    writeFileSync(
      program,
      `if (${takesOver}) process.exit(7);\nawait import(${JSON.stringify(folders.vmm)});\n`,
    );
    const { id } = await client.post<{ id: string }>('/v1/builds', { kind: 'baton', path: program });
    const ended = await upgrade(context, { build: id, mode, freezeFilesystems: true });
    assert.equal([ended.state, ended.reason?.code], ['rolled-back', 'target_died']);
    await session.worksOn();
    assert.is((await client.get<{ isFrozen: boolean }>(`${path}/guest`)).isFrozen, false);
  });
}

test('it powers off when it is asked to, all of its work is right, and its disk is clean', async (context) => {
  const { client, path, session, disk } = context;
  const { bootId } = await session.life();
  assert.is(await sshDebianSystem(SSH_PORT, 'cat /proc/sys/kernel/random/boot_id'), bootId);
  await session.finish();
  await client.perform(`${path}/stop`, { powerdownMs: POWER_OFF_MS }, 2 * POWER_OFF_MS);
  await checkFilesystem(disk);
});

const passt = findInCache().passt();
const missing =
  (await debianSystemMissing()) ??
  (await diskToolsMissing()) ??
  ('missing' in passt ? passt.missing : null) ??
  (await ownNetworkMissing());
if (missing !== null) skipSuite(SUITE, missing);
else if (await isInOwnNetwork(import.meta.url)) test.run();
