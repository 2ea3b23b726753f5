/** The client against an agent in a process of its own: each way to misbehave ends in an error of its kind, in time. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AgentClient, withAgent } from '../../../daemon/guest-agent/agent-client.js';
import { AgentGarbled, AgentRefused, AgentSilent } from '../../../daemon/guest-agent/agent-errors.js';
import { freezeFilesystems, thawFilesystems } from '../../../daemon/guest-agent/filesystems.js';
import { askInformation } from '../../../daemon/guest-agent/information.js';
import { giveNotice, type Notice } from '../../../daemon/guest-agent/notice.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { type AgentBehaviour, readAsked, startAgent } from './fake-agent.js';

interface Context {
  dir: TempDir;
  path: string;
  toldAt: string;
  agent: ChildProcess | null;
}

const test = suite<Context>('guest agent client');
/** The machine may be busy with other tests. */
const PATIENT = { answerMs: 20_000 };
const NOBODY = new AbortController().signal;
const NOTICE: Notice = { upgradeId: 'u1', pauseMs: 4, reason: 'a fix; rm -rf /', outcome: null };

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.path = `${context.dir.path}/qga.sock`;
  context.toldAt = `${context.dir.path}/told`;
  context.agent = null;
});

test.after.each(async ({ dir, agent }) => {
  if (agent !== null && agent.exitCode === null && agent.signalCode === null) {
    const ended = once(agent, 'exit');
    agent.kill('SIGKILL');
    await ended;
  }
  await dir.remove();
});

async function serve(context: Context, behaviour: AgentBehaviour): Promise<void> {
  context.agent = await startAgent(context.path, behaviour, context.toldAt);
}

/** What the work ended with. */
async function failure(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected a failure');
}

test('a sound agent: what it says, and what it is asked for', async (context) => {
  await serve(context, 'good');
  const said = await withAgent(context.path, PATIENT, (agent) => askInformation(agent, NOBODY));
  assert.is(said.agentVersion, '9.1.0');
  assert.is(said.hostname, 'db1');
  assert.equal(said.system, {
    id: 'debian',
    name: 'Debian GNU/Linux 13',
    version: null,
    kernel: '6.12',
    architecture: 'riscv64',
  });
  assert.equal(said.interfaces, [
    { name: 'lo', mac: null, addresses: [{ address: '127.0.0.1', prefix: 8 }] },
    { name: 'eth0', mac: '52:54:00:00:00:01', addresses: [] },
  ]);
  assert.equal(said.filesystems, [{ mountpoint: '/', type: 'ext4', usedBytes: 5, totalBytes: 10 }]);
  assert.equal([said.isFrozen, said.canFreeze, said.canRunPrograms], [false, true, true]);
});

test('frozen filesystems: the agent says little else, and says so', async (context) => {
  await serve(context, 'good');
  await withAgent(context.path, PATIENT, async (agent) => {
    assert.is(await freezeFilesystems(agent, NOBODY), 1);
    const said = await askInformation(agent, NOBODY);
    assert.is(said.isFrozen, true);
    assert.is(said.hostname, null);
    assert.is(await thawFilesystems(agent, NOBODY), 1);
    assert.is(await thawFilesystems(agent, NOBODY), 0);
  });
});

test('a notice: the words come as they are, as arguments', async (context) => {
  await serve(context, 'good');
  await withAgent(context.path, PATIENT, async (agent) => {
    assert.is(await giveNotice(agent, NOTICE, { signal: NOBODY }), true);
    assert.is(await giveNotice(agent, { ...NOTICE, outcome: 'stayed' }, { signal: NOBODY }), true);
  });
  const given = readAsked(context.toldAt).filter(({ execute }) => execute === 'guest-exec');
  assert.equal(
    given.map(({ arguments: args }) => args),
    [
      { path: '/etc/baton/notice', arg: ['before', 'u1', '4', 'a fix; rm -rf /'], 'capture-output': false },
      {
        path: '/etc/baton/notice',
        arg: ['after', 'u1', '4', 'a fix; rm -rf /', 'stayed'],
        'capture-output': false,
      },
    ],
  );
});

test('a guest without a program for notices is no failure', async (context) => {
  await serve(context, 'no-hook');
  assert.is(
    await withAgent(context.path, PATIENT, (agent) => giveNotice(agent, NOTICE, { signal: NOBODY })),
    false,
  );
});

for (const [behaviour, words] of [
  ['stuck-hook', /\/etc\/baton\/notice in the guest to end within 2000 ms/],
  ['failing-hook', /ended with exit code 3/],
  ['refuses', /guest-exec: The command guest-exec has not been found/],
] as const) {
  test(`a notice with ${behaviour} fails in time`, async (context) => {
    await serve(context, behaviour);
    const error = await failure(
      withAgent(context.path, PATIENT, async (agent) => {
        if (await giveNotice(agent, NOTICE, { signal: NOBODY })) return;
        throw new Error('expected to be told of it');
      }),
    );
    assert.match(error.message, words);
  });
}

test('leftovers of an earlier client are passed over', async (context) => {
  await serve(context, 'stale');
  await withAgent(context.path, PATIENT, async (agent) => assert.equal(await agent.ask('guest-ping'), {}));
});

test('an answer that came too late is not taken for the next one', async (context) => {
  await serve(context, 'slow');
  await withAgent(context.path, PATIENT, async (agent) => {
    const error = await failure(agent.ask('guest-ping', {}, { deadlineMs: 50 }));
    assert.instance(error, AgentSilent);
    assert.equal(await agent.ask('guest-ping', {}, { deadlineMs: 2_000 }), {});
    assert.is(await agent.ask('guest-fsfreeze-status'), 'thawed');
  });
});

for (const [behaviour, kind] of [
  ['silent', AgentSilent],
  ['garbage', AgentGarbled],
  ['endless-line', AgentGarbled],
  ['flood', AgentGarbled],
] as const) {
  test(`${behaviour}: not even connected`, async (context) => {
    await serve(context, behaviour);
    const error = await failure(
      AgentClient.connect(context.path, { answerMs: behaviour === 'silent' ? 200 : 10_000 }),
    );
    assert.instance(error, kind);
    assert.ok(error.message.length < 300, error.message);
  });
}

for (const [behaviour, kind] of [
  ['garbled-answers', AgentGarbled],
  ['huge', AgentGarbled],
  ['dies', AgentSilent],
  ['refuses', AgentRefused],
] as const) {
  test(`${behaviour}: the request ends with its kind of error`, async (context) => {
    await serve(context, behaviour);
    const error = await failure(withAgent(context.path, PATIENT, (agent) => agent.ask('guest-ping')));
    assert.instance(error, kind);
  });
}

for (const behaviour of ['deep', 'wrong-types', 'refuses'] as const) {
  test(`${behaviour}: nothing is believed that is not of the right type`, async (context) => {
    await serve(context, behaviour);
    const said = await withAgent(context.path, PATIENT, (agent) => askInformation(agent, NOBODY));
    const { hostname, ...others } = said;
    assert.is(hostname, behaviour === 'wrong-types' ? 'a [31mb ' : null);
    assert.equal(others, {
      agentVersion: null,
      isFrozen: null,
      canFreeze: false,
      canRunPrograms: false,
      system:
        behaviour === 'wrong-types'
          ? { id: null, name: null, version: null, kernel: null, architecture: null }
          : null,
      interfaces: behaviour === 'deep' ? [] : null,
      filesystems: behaviour === 'deep' ? [] : null,
    });
  });
}

test('nobody at the socket, and no socket', async ({ path }) => {
  assert.instance(await failure(AgentClient.connect(path)), AgentSilent);
});

test('whoever asks can give up: with his own reason, and with nothing left', async (context) => {
  await serve(context, 'silent');
  const giveUp = new AbortController();
  const asking = failure(AgentClient.connect(context.path, { signal: giveUp.signal, answerMs: 60_000 }));
  giveUp.abort(new Error('enough'));
  assert.is((await asking).message, 'enough');
});

test('the agent dies while it is asked', async (context) => {
  await serve(context, 'mute-freeze');
  const client = await AgentClient.connect(context.path, PATIENT);
  const asking = failure(client.ask('guest-fsfreeze-freeze', {}, { deadlineMs: 60_000 }));
  context.agent?.kill('SIGKILL');
  assert.instance(await asking, AgentSilent);
  assert.instance(await failure(client.ask('guest-ping')), AgentSilent);
  client.close();
});

test.run();
