import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeHead, encodeTail } from '../../../vmm/migration/encode-stream.js';
import { IncomingMigration } from '../../../vmm/migration/incoming.js';
import { MigrationProgress } from '../../../vmm/migration/progress.js';
import { LOADED, PONG } from '../../../vmm/migration/return-path.js';
import { EventHub } from '../../../vmm/qmp/events.js';
import { WallClock } from '../../../vmm/qmp/wall-clock.js';
import { VmControl } from '../../../vmm/vm-control.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';
import { FakeMachine } from '../fake-machine.js';

const SUBJECT = { machineType: 'virt', ram: { name: 'ram0', sizeBytes: 4096 }, ignoreShared: false };

const at = (path: string) => ({ kind: 'unix', path }) as const;

let dir: TempDir;

interface Target {
  readonly incoming: IncomingMigration;
  readonly vm: VmControl;
  readonly machine: FakeMachine;
  readonly progress: MigrationProgress;
  readonly failures: string[];
  hungUp: boolean;
}

async function createTarget(sourcePid: number): Promise<Target> {
  const events = new EventHub(new WallClock());
  const failures: string[] = [];
  const vm = new VmControl({
    events,
    policy: { startStopped: false, noReboot: false, noShutdown: false, incoming: true },
    ended: () => {},
    report: () => {},
  });
  const machine = new FakeMachine();
  await vm.attach(machine);
  const progress = new MigrationProgress(events, () => false);
  const fatal = (message: string) => failures.push(message);
  const target = { vm, machine, progress, failures, hungUp: false };
  const source = {
    hasRam: true,
    pid: sourcePid,
    hangUp: () => {
      target.hungUp = true;
    },
  };
  const incoming = new IncomingMigration(
    { vm, progress, events, subject: () => SUBJECT, contents: () => null, fatal, report: fatal },
    source,
  );
  return Object.assign(target, { incoming });
}

function streamOf(machine: FakeMachine): Uint8Array {
  const tail = encodeTail(SUBJECT, 'running', { sections: machine.sections, description: [] });
  return Buffer.concat([encodeHead(SUBJECT, true), tail]);
}

function connect(path: string): Socket {
  return createConnection({ path, allowHalfOpen: true }).on('error', () => undefined);
}

/** The number of a process that is no more. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? 0;
}

/** A source that sends everything and is gone before the target could answer. */
async function sendAndVanish(target: Target): Promise<void> {
  const path = `${dir.path}/main`;
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  target.machine.load = async () => held;
  await target.incoming.listen({ address: at(path), exitOnError: true });
  const source = connect(path);
  source.end(streamOf(target.machine));
  await waitFor(() => target.progress.status === 'active', { what: 'the stream' });
  source.destroy();
  await once(source, 'close');
  release();
}

const test = suite('incoming migration');

test.before.each(async () => {
  dir = await tempDir();
});

test.after.each(async () => {
  await dir.remove();
});

test('hangs up when it listens, loads what comes, and tells the source before it runs', async () => {
  const target = await createTarget(process.pid);
  const path = `${dir.path}/main`;
  await target.incoming.listen({ address: at(path), exitOnError: true });
  assert.ok(target.hungUp);
  const source = connect(path);
  let answer = Buffer.alloc(0);
  source.on('data', (chunk) => {
    answer = Buffer.concat([answer, chunk]);
  });
  const stream = streamOf(target.machine);
  source.write(stream.subarray(0, 5));
  source.end(stream.subarray(5));
  await waitFor(() => target.progress.status === 'completed', { what: 'completed' });
  assert.equal(new Uint8Array(target.machine.loaded ?? []), target.machine.sections);
  assert.is(target.vm.runState, 'running');
  await waitFor(() => answer.length > 0, { what: 'the answer' });
  assert.equal(answer, Buffer.concat([PONG, LOADED]));
  source.destroy();
});

test('does not run a VM whose source lives and has closed the connection', async () => {
  const target = await createTarget(process.pid);
  await sendAndVanish(target);
  await waitFor(() => target.failures.length > 0, { what: 'the failure' });
  assert.match(target.failures[0] ?? '', /the source has ended the migration/);
  assert.equal(
    [target.vm.runState, target.machine.take()],
    ['inmigrate', ['open backends', 'inactivate false', 'leave']],
  );
});

test('runs a VM whose source died after sending everything', async () => {
  const target = await createTarget(await deadPid());
  await sendAndVanish(target);
  await waitFor(() => target.vm.runState === 'running', { what: 'the VM to run' });
  assert.equal(target.failures, []);
});

test('listens once, and says so', async () => {
  const target = await createTarget(process.pid);
  await target.incoming.listen({ address: at(`${dir.path}/main`), exitOnError: true });
  try {
    await target.incoming.listen({ address: at(`${dir.path}/other`), exitOnError: true });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /already been started/);
  }
  target.incoming.close();
});

test('a path that cannot be bound is an error, and another try is possible', async () => {
  const target = await createTarget(process.pid);
  try {
    await target.incoming.listen({ address: at('/nowhere/main'), exitOnError: true });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /Failed to listen on '\/nowhere\/main'/);
  }
  assert.not.ok(target.hungUp);
  await target.incoming.listen({ address: at(`${dir.path}/main`), exitOnError: true });
  target.incoming.close();
});

test('takes one source only, and refuses a stream without end', async () => {
  const target = await createTarget(process.pid);
  const path = `${dir.path}/main`;
  await target.incoming.listen({ address: at(path), exitOnError: false });
  const source = connect(path);
  const head = encodeHead(SUBJECT, true);
  source.write(streamOf(target.machine).subarray(0, head.length + 8));
  await waitFor(() => target.progress.status === 'active', { what: 'the first bytes' });
  const late = connect(path);
  await waitFor(() => late.destroyed || late.closed, { what: 'the second to be refused' });
  const filler = Buffer.alloc(2 ** 20);
  for (let sent = 0; sent < 70 && !source.destroyed; sent++) source.write(filler);
  await waitFor(() => target.failures.length > 0, { what: 'the refusal' });
  assert.match(target.failures[0] ?? '', /the stream has more than 67108864 bytes/);
  source.destroy();
});

test.run();
