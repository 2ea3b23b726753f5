/** Builds as files: what is at their paths now, what they are made of, and what is no build. */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../daemon/app.js';
import { LinuxProcesses } from '../../daemon/instance/host.js';
import { findInCache, type QemuVersion } from '../fetch/cache.js';
import { skipSuite } from '../helpers/skip.js';
import { call, type Folders, installVmm, tearDown } from './fixture.js';
import { makeQemuFolders, startQemuApp } from './qemu-fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const test = suite<Context>('files of builds');

test.before.each(async (context) => {
  context.folders = await makeQemuFolders('x86_64');
  context.app = await startQemuApp(context.folders);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

/** An executable that says that it is baton-vmm, and nothing more. */
function script(path: string, version: string, before = ''): string {
  const qemu = { major: 1, minor: 2, micro: 0 };
  const greeting = { QMP: { version: { qemu, package: `baton-vmm ${version}` }, capabilities: [] } };
  const answers = [greeting, { return: {}, id: 0 }, { return: [], id: 1 }];
  const lines = answers.map((answer) => `echo '${JSON.stringify(answer)}'\n`);
  writeFileSync(path, `#!/bin/sh\n${before}${lines.join('')}`, { mode: 0o755 });
  return path;
}

async function register(app: App, path: string, kind = 'baton') {
  const { status, body } = await call(app, 'POST', '/v1/builds', { kind, path });
  assert.is(status, 201, JSON.stringify(body));
  return body;
}

async function stateOf(app: App, id: string): Promise<string> {
  const { builds } = (await call(app, 'GET', '/v1/builds')).body;
  return builds.find((build: { id: string }) => build.id === id).fileState;
}

async function changes(app: App): Promise<string[]> {
  const { events } = (await call(app, 'GET', '/v1/events')).body;
  return events
    .filter(({ type }: { type: string }) => type === 'baton.build.changed')
    .map(({ data }: { data: { from: string; fileState: string } }) => `${data.from} → ${data.fileState}`);
}

test('a file that is replaced, deleted or brought back is shown, and told once', async ({ app, folders }) => {
  const path = script(`${folders.path}/vmm`, '1.2');
  const { id, fileState } = await register(app, path);
  assert.is(fileState, 'as-registered');
  utimesSync(path, 1, 1);
  assert.is(await stateOf(app, id), 'as-registered');
  renameSync(path, `${path}.away`);
  assert.is(await stateOf(app, id), 'deleted');
  script(path, '1.3');
  assert.is(await stateOf(app, id), 'replaced');
  assert.is(await stateOf(app, id), 'replaced');
  unlinkSync(path);
  mkdirSync(path);
  assert.is((await call(app, 'GET', `/v1/builds/${id}`)).body.fileState, 'replaced');
  rmSync(path, { recursive: true });
  renameSync(`${path}.away`, path);
  assert.is((await call(app, 'GET', `/v1/builds/${id}`)).body.fileState, 'as-registered');
  assert.equal(await changes(app), [
    'as-registered → deleted',
    'deleted → replaced',
    'replaced → as-registered',
  ]);
});

test('what was noticed outlives the daemon', async (context) => {
  const { app, folders } = context;
  const path = script(`${folders.path}/vmm`, '1.2');
  const { id } = await register(app, path);
  script(path, '1.3');
  assert.is(await stateOf(app, id), 'replaced');
  await app.close(1_000);
  context.app = await startQemuApp(folders);
  assert.is(await stateOf(context.app, id), 'replaced');
  assert.is((await changes(context.app)).length, 1);
});

test('a build that nothing needs is forgotten, and comes back when it is registered again', async ({
  app,
  folders,
}) => {
  const path = script(`${folders.path}/vmm`, '1.2');
  const { id } = await register(app, path);
  assert.is((await call(app, 'DELETE', `/v1/builds/${id}`)).status, 204);
  assert.is((await call(app, 'DELETE', `/v1/builds/${id}`)).body.code, 'build_not_found');
  assert.equal((await call(app, 'GET', '/v1/builds')).body.builds, []);
  assert.is((await register(app, path)).id, id);
});

test('many requests for one path are one probing', async ({ app, folders }) => {
  const log = `${folders.path}/log`;
  const path = script(`${folders.path}/vmm`, '1.2', `echo run >> ${log}\n`);
  const builds = await Promise.all(Array.from({ length: 8 }, () => register(app, path)));
  assert.is(new Set(builds.map(({ id }) => id)).size, 1);
  assert.is(readFileSync(log, 'utf8'), 'run\n');
});

test("an installation's modules, bundle, core and addon are parts of its build", async ({ app, folders }) => {
  const root = `${folders.path}/vmm-1`;
  const path = installVmm(root);
  unlinkSync(`${root}/native/build`);
  mkdirSync(`${root}/native/build/Release`, { recursive: true });
  const addon = `${root}/native/build/Release/baton.node`;
  cpSync(new URL('../../../native/build/Release/baton.node', import.meta.url), addon);
  const bundle = `${root}/dist/vmm/bundle/baton-vmm-0`;
  mkdirSync(`${root}/dist/vmm/bundle`, { recursive: true });
  for (const file of [`${bundle}.cjs`, `${bundle}.1.code`]) writeFileSync(file, '');
  const { id } = await register(app, path);
  const parts = [
    ...[`${bundle}.cjs`, `${bundle}.1.code`, `${root}/dist/vmm/worker.cjs`],
    ...[`${root}/dist/vmm/cpu/core.wasm`, `${root}/dist/native/index.js`, addon],
  ];
  for (const part of parts) {
    const before = readFileSync(part);
    writeFileSync(part, `${before} `);
    assert.is(await stateOf(app, id), 'replaced', part);
    assert.is.not((await register(app, path)).id, id, part);
    writeFileSync(part, before);
    assert.is(await stateOf(app, id), 'as-registered', part);
  }
  unlinkSync(addon);
  assert.is(await stateOf(app, id), 'deleted');
});

test('whatever is no VMM is refused in time, and nothing of it is left', async ({ app, folders }) => {
  const mark = `sleep-${process.pid}`;
  const program = (name: string, text: string, mode = 0o755) => {
    writeFileSync(`${folders.path}/${name}`, text, { mode });
    chmodSync(`${folders.path}/${name}`, mode);
    return `${folders.path}/${name}`;
  };
  mkdirSync(`${folders.path}/folder`);
  symlinkSync('/dev/zero', `${folders.path}/endless-file`);
  const garbage: [path: string, words: RegExp][] = [
    [`${folders.path}/none`, /ENOENT/],
    [`${folders.path}/folder`, /expected a file/],
    [`${folders.path}/endless-file`, /expected a file/],
    [program('text', 'hello\n'), /not found|could not be started/],
    [program('plain', '#!/bin/sh\necho 1.2\n', 0o644), /could not be started \(EACCES\)/],
    [
      program('hangs', `#!/bin/sh\nexec -a ${mark} sleep 1000\n`.replace('#!/bin/sh', '#!/bin/bash')),
      /did not end within/,
    ],
    [program('endless', '#!/bin/sh\nexec yes\n'), /printed more than/],
    ['/bin/true', /printed nothing/],
    ['/bin/false', /exit code 1/],
  ];
  const attempts = garbage.flatMap(([path, words]) =>
    ['baton', 'qemu'].map(async (kind) => {
      const { status, body } = await call(app, 'POST', '/v1/builds', { kind, path });
      assert.is(status, 422, `${kind} ${path}: ${JSON.stringify(body)}`);
      assert.is(body.code, 'build_not_usable');
      assert.match(body.detail, words, `${kind} ${path}`);
    }),
  );
  await Promise.all(attempts);
  assert.equal(new LinuxProcesses().findByArgument(mark), []);
});

const cache = findInCache();
const found = { '10.0': cache.qemu('10.0', 'x86_64'), '11.1': cache.qemu('11.1', 'x86_64') };
const missing = Object.values(found).find((each) => 'missing' in each);

function binary(version: QemuVersion): string {
  const each = found[version];
  return 'missing' in each ? '' : (each.argvPrefix[0] ?? '');
}

if (missing !== undefined && 'missing' in missing) {
  skipSuite('wrappers of real QEMU', missing.missing);
} else {
  test('the program behind a wrapper is a part of its build', async ({ app, folders }) => {
    const path = `${folders.path}/wrapper`;
    const elf = /^ *'([^']*qemu-system-x86_64)'/m.exec(readFileSync(binary('10.0'), 'utf8'))?.[1] ?? '';
    const copy = `${folders.path}/copy-of-qemu`;
    cpSync(elf, copy);
    writeFileSync(path, readFileSync(binary('10.0'), 'utf8').replace(elf, copy), { mode: 0o755 });
    const { id, architecture, accelerators, machineTypes } = await register(app, path, 'qemu');
    assert.is(architecture, 'x86_64');
    assert.ok(accelerators.includes('tcg') && machineTypes.includes('pc-q35-10.0'));
    writeFileSync(copy, 'more', { flag: 'a' });
    assert.is(await stateOf(app, id), 'replaced');
    const again = await register(app, path, 'qemu');
    assert.is.not(again.id, id);
    unlinkSync(copy);
    assert.is(await stateOf(app, again.id), 'deleted');
  });

  test('a wrapper that becomes another program by a link is another build when it is used', async ({
    app,
    folders,
  }) => {
    const path = `${folders.path}/wrapper`;
    const link = `${folders.path}/current`;
    writeFileSync(path, `#!/bin/sh\nexec ${link} "$@"\n`, { mode: 0o755 });
    symlinkSync(binary('10.0'), link);
    const old = await register(app, path, 'qemu');
    unlinkSync(link);
    symlinkSync(binary('11.1'), link);
    const now = await register(app, path, 'qemu');
    assert.match(old.id, /^qemu-10\.0/);
    assert.match(now.id, /^qemu-11\.1/);
    const document = { name: 'm', memoryMiB: 64, kernel: folders.kernel, build: old.id };
    const machine = (await call(app, 'POST', '/v1/machines', document)).body;
    await call(app, 'PUT', `/v1/machines/${machine.id}/builds`, { pin: old.id });
    const { headers } = await call(app, 'POST', `/v1/machines/${machine.id}/start`);
    await app.supervisor.actor(machine.id).idle();
    const operation = (await call(app, 'GET', String(headers.location))).body;
    assert.is(operation.error.code, 'build_changed');
    assert.match(operation.error.detail, old.id);
    assert.is(await stateOf(app, old.id), 'replaced');
    assert.is(await stateOf(app, now.id), 'as-registered');
  });

  test('a wrapper that stays beside the VMM is refused', async ({ app, folders }) => {
    const path = `${folders.path}/wrapper`;
    writeFileSync(path, `#!/bin/sh\n${binary('10.0')} "$@"\nexit 0\n`, { mode: 0o755 });
    const { body } = await call(app, 'POST', '/v1/builds', { kind: 'qemu', path });
    assert.is(body.code, 'build_not_usable');
    assert.match(body.detail, /become \(exec\) the VMM, but it started the VMM as a process of its own/);
  });
}

test.run();
