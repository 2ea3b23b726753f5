/**
 * Debian's own guest agent, through the daemon: what the guest says of itself, frozen for a while, and moved to a new
 * VMM process with its filesystems frozen and its program for notices run before and after.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../daemon/app.js';
import { withAgent } from '../../daemon/guest-agent/agent-client.js';
import {
  type Answer,
  call,
  type Folders,
  makeFolders,
  startApp,
  tearDown,
  upgradeEnd,
} from '../daemon/fixture.js';
import { PATIENT } from '../daemon/guest-agent/agent-vmm.js';
import { registerQemu } from '../daemon/qemu-fixture.js';
import { findInCache } from '../fetch/cache.js';
import { debianCommandLine } from '../fetch/debian/command-line.js';
import { copyDebianDisk } from '../guests/linux/debian-system.js';
import { skipSuite } from '../helpers/skip.js';
import { waitFor } from '../helpers/wait.js';

const SUITE = "Debian's guest agent";
const BOOT_DEADLINE_MS = 240_000;
const PROGRAM_DEADLINE_MS = 60_000;
const ANSWER_MS = 20_000;
const NOTICES = '/var/tmp/notices';
const HOOK = `#!/bin/sh\necho "$@" >> ${NOTICES}\n`;

const debian = findInCache().debian();
const qemu = findInCache().qemu('11.1', 'riscv64');
const missing = [debian, qemu].find((found) => 'missing' in found);

interface Context {
  folders: Folders;
  app: App;
  id: string;
  generation: number;
}

const guest = ({ app, id }: Context) => call(app, 'GET', `/v1/machines/${id}/guest`);
const ask = ({ app, id }: Context, what: 'freeze' | 'thaw', body?: object) =>
  call(app, 'POST', `/v1/machines/${id}/guest/${what}`, body);

/** Runs a program in the guest; resolves with what it printed. */
function run({ folders, id, generation }: Context, line: string, input = ''): Promise<string> {
  const path = `${folders.runtimeDir}/${id.slice(0, 8)}/${generation}/qga.sock`;
  return withAgent(path, { answerMs: ANSWER_MS }, async (agent) => {
    const program = { path: '/bin/sh', arg: ['-c', line], 'input-data': btoa(input), 'capture-output': true };
    const { pid } = (await agent.ask('guest-exec', program)) as { pid: number };
    const status = await waitFor(
      async () => {
        const said = (await agent.ask('guest-exec-status', { pid })) as Record<string, unknown>;
        return said.exited ? said : null;
      },
      { deadlineMs: PROGRAM_DEADLINE_MS, pollMs: 50, what: `${line} to end in the guest` },
    );
    assert.is(status.exitcode, 0, JSON.stringify(status));
    return atob(String(status['out-data'] ?? ''));
  });
}

function testOn(vmm: 'QEMU 11.1' | 'baton-vmm'): void {
  const test = suite<Context>(`${SUITE} on ${vmm}`);

  test.before(async (context) => {
    const folders = await makeFolders();
    context.folders = folders;
    context.app = await startApp(folders, { deadlinesMs: PATIENT });
    if ('missing' in debian || 'missing' in qemu) throw new Error('expected both to be there');
    const build =
      vmm === 'QEMU 11.1'
        ? { build: await registerQemu(context.app, folders, 'qemu', qemu.argvPrefix[0] as string) }
        : {};
    const path = await copyDebianDisk(folders.path);
    const document = {
      ...{ name: 'debian', memoryMiB: 256, kernel: debian.kernel, initrd: debian.initrd },
      ...{ commandLine: debianCommandLine(), disks: [{ path }], nics: [{ kind: 'none' }], guestAgent: true },
      ...build,
    };
    const { status, body } = await call(context.app, 'POST', '/v1/machines', document);
    assert.is(status, 201, JSON.stringify(body));
    context.id = body.id;
    context.generation = 1;
    await call(context.app, 'POST', `/v1/machines/${context.id}/start`);
  });

  test.after(async ({ folders, app }) => tearDown(folders, app));

  test('it says who it is when it has booted that far', async (context) => {
    const said = await waitFor(
      async () => {
        const { status, body } = await guest(context);
        if (status !== 200) await delay(1_000);
        return status === 200 ? body : null;
      },
      { deadlineMs: BOOT_DEADLINE_MS, what: 'the agent to answer' },
    );
    assert.is(said.hostname, 'baton-debian');
    assert.is(said.system.id, 'debian');
    assert.is(said.system.architecture, 'riscv64');
    assert.match(said.agentVersion, /^\d+\.\d+/);
    assert.equal([said.isFrozen, said.canFreeze, said.canRunPrograms], [false, true, true]);
    assert.ok(said.filesystems.some(({ mountpoint }: Answer['body']) => mountpoint === '/'));
    assert.ok(said.interfaces.some(({ name }: Answer['body']) => name === 'lo'));
  });

  test('frozen and thawed: by hand, and by the daemon in time', async (context) => {
    const { status, body } = await ask(context, 'freeze', { maxMs: 60_000 });
    assert.is(status, 200, JSON.stringify(body));
    assert.ok(body.filesystems >= 1);
    assert.is((await guest(context)).body.isFrozen, true);
    assert.is((await ask(context, 'thaw')).body.filesystems, body.filesystems);
    assert.is((await guest(context)).body.isFrozen, false);
    await ask(context, 'freeze', { maxMs: 1_000 });
    await waitFor(
      async () => (await call(context.app, 'GET', `/v1/machines/${context.id}`)).body.frozen === null,
      {
        deadlineMs: 60_000,
        what: 'the daemon to thaw it',
      },
    );
    assert.is((await guest(context)).body.isFrozen, false);
  });

  for (const [mode, generation] of [
    ['cpr-transfer', 2],
    ['cpr-exec', 3],
  ] as const) {
    test(`moved by ${mode}: told before and after, frozen meanwhile`, async (context) => {
      const hook = `mkdir -p /etc/baton && cat > /etc/baton/notice && chmod 755 /etc/baton/notice && rm -f ${NOTICES}`;
      await run(context, hook, HOOK);
      const request = { freezeFilesystems: true, reason: 'security fix', mode };
      const upgrade = await upgradeEnd(context.app, context.id, request);
      assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
      context.generation = generation;
      assert.equal(
        upgrade.guest.acts.map(({ act, result, detail }: Answer['body']) => [act, result, detail]),
        ['notice-before', 'freeze', 'thaw', 'notice-after'].map((act) => [act, 'done', null]),
      );
      const [before, after, more] = (await run(context, `cat ${NOTICES}`)).split('\n');
      assert.match(before ?? '', new RegExp(`^before ${upgrade.id} \\d+ security fix$`));
      assert.is(after, `after ${upgrade.id} ${Math.ceil(upgrade.pauseMs)} security fix moved`);
      assert.is(more, '');
      assert.is((await guest(context)).body.isFrozen, false);
      /* What is written now goes through: the filesystem is not frozen for whoever writes either. */
      await run(context, 'sync && touch /var/tmp/after && sync');
    });
  }

  test.run();
}

if (missing !== undefined && 'missing' in missing) skipSuite(SUITE, missing.missing);
else for (const vmm of ['QEMU 11.1', 'baton-vmm'] as const) testOn(vmm);
