/**
 * What is asked of systemd, and what is made of its answers, with stand-ins for its programs first in PATH. That systemd
 * itself does it is tested under systemd (test/service).
 */
import { existsSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import { vmmProperties } from '../../../daemon/instance/unit-properties.js';
import { UnitStarter } from '../../../daemon/instance/unit-starter.js';
import * as native from '../../../native/index.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor, within } from '../../helpers/wait.js';
import { openFds } from '../../native/observe.js';

/** Starts what comes after `--` as systemd does: as nobody's child, its output in the file, `$$` a dollar. */
const SYSTEMD_RUN = `#!/bin/bash
printf '%s\\n' "$@" >"$FOLDER/asked"
while [ "$1" != -- ]; do case $1 in --property=StandardOutput=append:*) log=\${1#*append:};; esac; shift; done
shift
[ ! -e "$FOLDER/swap" ] || mv -f "$FOLDER/swap" "$FOLDER/vmm.log"
[ ! -e "$FOLDER/early" ] || python3 "$FOLDER/early" "$3" "$FOLDER/got" >/dev/null 2>&1
[ ! -e "$FOLDER/refuses" ] || { echo 'Unit already exists' >&2; exit 1; }
setsid "\${@//\\$\\$/\\$}" </dev/null >>"$log" 2>&1 &
echo $! >"$FOLDER/pid"
`;
const SYSTEMCTL = `#!/bin/sh
echo "$@" >>"$FOLDER/systemctl"
case $* in
*MainPID*) echo "MainPID=$(cat "$FOLDER/pid")" ;;
*ExecMainCode*) cat "$FOLDER/how" ;;
esac
`;

/** Connects before the new process does, and writes down how many bytes and descriptors it is given. */
const EARLY = `
import os, socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
if os.fork() == 0:
    peer.settimeout(30)
    data, fds, *_ = socket.recv_fds(peer, 1, 8)
    with open(sys.argv[2] + ".new", "w") as got: got.write(f"{len(data)} {len(fds)}")
    os.rename(sys.argv[2] + ".new", sys.argv[2])
`;

interface Context {
  dir: TempDir;
  host: LinuxProcesses;
  path: string;
}

const test = suite<Context>('starting in units');

test.before.each(async (context) => {
  context.dir = await tempDir();
  const { path } = context.dir;
  mkdirSync(`${path}/bin`);
  mkdirSync(`${path}/m`);
  writeFileSync(`${path}/bin/systemd-run`, SYSTEMD_RUN, { mode: 0o755 });
  writeFileSync(`${path}/bin/systemctl`, SYSTEMCTL, { mode: 0o755 });
  context.path = process.env.PATH ?? '';
  process.env.PATH = `${path}/bin:${context.path}`;
  process.env.FOLDER = path;
  context.host = new LinuxProcesses(new UnitStarter({ slice: 'baton.slice', hidden: [`${path}/m`] }));
});
test.after.each(async ({ dir, path }) => {
  process.env.PATH = path;
  delete process.env.FOLDER;
  await dir.remove();
});

function program({ path }: TempDir, file: string, args: readonly string[], fds: readonly number[] = []) {
  return {
    name: 'vmm-12345678-1',
    file,
    args,
    fds,
    log: `${path}/vmm.log`,
    folder: '/',
    sees: [`${path}/m`],
  };
}

test('it is told the name, the slice and what is allowed, and words with a dollar as they are', async ({
  dir,
  host,
}) => {
  const { process: started } = await host.start(program(dir, '/bin/sh', ['-c', 'exec sleep 60 # $HOME']));
  const asked = readFileSync(`${dir.path}/asked`, 'utf8').split('\n');
  for (const word of [
    '--unit=baton-vmm-12345678-1.service',
    '--slice=baton.slice',
    '--service-type=exec',
    '--property=CapabilityBoundingSet=',
    '--property=Before=baton-guests.service',
    `--property=BindPaths=${dir.path}/m`,
    `--property=TemporaryFileSystem=${dir.path}/m:ro,mode=0755`,
    'exec sleep 60 # $$HOME',
  ]) {
    assert.ok(asked.includes(word), word);
  }
  assert.ok(host.isAlive(started));
  await host.kill(started, 10_000);
});

test('descriptors arrive as 3, 4, …, and nothing is left of their way', async ({ dir, host }) => {
  const before = openFds();
  const fds = ['one', 'two'].map((name) => native.createMemfd(name, 4096));
  const { process: started, end } = await host.start(program(dir, '/bin/sleep', ['60'], fds));
  for (const fd of fds) native.closeFd(fd);
  const links = [3, 4].map((fd) => readlinkSync(`/proc/${started.pid}/fd/${fd}`));
  assert.equal(links, ['/memfd:one (deleted)', '/memfd:two (deleted)']);
  assert.equal(host.argumentsOf(started).slice(0, 2), ['/bin/sleep', '60']);
  await host.kill(started, 10_000);
  await within(end, 10_000, 'its end to be known');
  await waitFor(() => openFds() <= before, { what: 'no descriptor to be left' });
});

test('descriptors are given to the process of the unit, and not to whoever comes first', async ({
  dir,
  host,
}) => {
  writeFileSync(`${dir.path}/early`, EARLY);
  const fds = [native.createMemfd('secret', 4096)];
  const { process: started } = await host.start(program(dir, '/bin/sleep', ['60'], fds));
  for (const fd of fds) native.closeFd(fd);
  const given = readlinkSync(`/proc/${started.pid}/fd/3`);
  await host.kill(started, 10_000);
  assert.is(given, '/memfd:secret (deleted)');
  await waitFor(() => existsSync(`${dir.path}/got`), { what: 'the other to be hung up on' });
  assert.is(readFileSync(`${dir.path}/got`, 'utf8'), '0 0');
});

for (const [what, how, expected] of [
  [
    'with an exit code',
    'LoadState=loaded\nExecMainCode=1\nExecMainStatus=3',
    { exitCode: 3, exitSignal: null },
  ],
  [
    'by a signal',
    'LoadState=loaded\nExecMainCode=2\nExecMainStatus=11',
    { exitCode: null, exitSignal: 'SIGSEGV' },
  ],
  [
    'well, and was forgotten',
    'LoadState=not-found\nExecMainCode=0\nExecMainStatus=0',
    { exitCode: 0, exitSignal: null },
  ],
] as const) {
  test(`a process that ended ${what} is known to have`, async ({ dir, host }) => {
    writeFileSync(`${dir.path}/how`, `${how}\n`);
    const { process: started, end } = await host.start(program(dir, '/bin/sleep', ['60']));
    await host.kill(started, 10_000);
    assert.equal(await within(end, 10_000, 'its end to be known'), expected);
    assert.match(readFileSync(`${dir.path}/systemctl`, 'utf8'), 'reset-failed baton-vmm-12345678-1.service');
  });
}

test('the log that another VMM puts a link in place of, before systemd opens it, is the one that was made', async ({
  dir,
  host,
}) => {
  const [secret, log] = [`${dir.path}/secret`, `${dir.path}/vmm.log`];
  writeFileSync(secret, 'of the host');
  symlinkSync(secret, `${dir.path}/swap`);
  const { process: started } = await host.start(program(dir, '/bin/sh', ['-c', 'echo said; exec sleep 60']));
  const written = readlinkSync(`/proc/${started.pid}/fd/1`);
  await host.kill(started, 10_000);
  assert.is(readlinkSync(log), secret);
  assert.is(written, `${log} (deleted)`);
  assert.is(readFileSync(secret, 'utf8'), 'of the host');
});

test('what systemd refuses is refused in its words, and nothing is left', async ({ dir, host }) => {
  writeFileSync(`${dir.path}/refuses`, '');
  const starting = host.start(program(dir, '/bin/sleep', ['60']));
  assert.match(
    await starting.then(String, (error) => error.message),
    /systemd-run failed: Unit already exists/,
  );
  assert.not.ok(existsSync(`${dir.path}/pid`));
});

test('a VMM of root keeps what it needs and gains nothing', () => {
  const plan = { log: '/l', folder: '/', sees: [], hidden: [], user: null, group: null };
  const properties = vmmProperties(plan);
  assert.not.ok(properties.some((property) => /^(User|Group|MemoryDenyWriteExecute)=/.test(property)));
  for (const property of ['NoNewPrivileges=yes', 'DevicePolicy=closed', 'LimitMEMLOCK=infinity']) {
    assert.ok(properties.includes(property), property);
  }
});

test.run();
