/**
 * Debian with systemd boots to `running` and is used over the network and by its agent, on each VMM with the same
 * command line. The network is passt's, in a namespace of the test's own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../fetch/cache.js';
import {
  copyDebianDisk,
  debianSystemArguments,
  debianSystemMissing,
  RUNNING_LINE,
  sshDebianSystem,
} from '../guests/linux/debian-system.js';
import { checkFilesystem, diskToolsMissing } from '../guests/linux/disk-image.js';
import { GuestAgent } from '../guests/linux/guest-agent.js';
import { skipSuite } from '../helpers/skip.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor, within } from '../helpers/wait.js';
import { isInOwnNetwork, makeNetwork, ownNetworkMissing } from './own-network.js';

const SUITE = 'Debian with systemd';
const ADDRESS = '192.0.2.10';
const ROUTER = '192.0.2.1';
const PORT = 2222;
const BOOT_DEADLINE_MS = 180_000;
const POWER_OFF_DEADLINE_MS = 60_000;
const TEARDOWN_DEADLINE_MS = 10_000;

const qemu = findInCache().qemu('11.1', 'riscv64');
const passt = findInCache().passt();

interface Vmm {
  readonly name: string;
  /** The program and its first arguments. */
  readonly command: readonly string[];
}

const BATON_VMM = fileURLToPath(new URL('../../vmm/baton-vmm.cjs', import.meta.url));
const VMMS: readonly Vmm[] = [
  { name: 'QEMU 11.1', command: 'missing' in qemu ? [] : qemu.argvPrefix },
  { name: 'baton-vmm', command: [process.execPath, BATON_VMM] },
];

interface Context {
  dir: TempDir;
  disk: string;
  network: ChildProcess;
  vmm: ChildProcess;
  said: string;
}

function startPasst(socket: string): ChildProcess {
  if ('missing' in passt) throw new Error(passt.missing);
  const network = ['--ipv4-only', '--address', ADDRESS, '--netmask', '24', '--gateway', ROUTER];
  const args = ['--foreground', '--quiet', '--runas', '0', '--socket', socket, ...network];
  return spawn(passt.path, [...args, '--tcp-ports', `127.0.0.1/${PORT}:22`], { stdio: 'ignore' });
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await within(exit, TEARDOWN_DEADLINE_MS, 'the end of a killed process');
}

function testOn({ name, command }: Vmm): void {
  const test = suite<Context>(`${SUITE} on ${name}`);
  const path = (context: Context, file: string) => `${context.dir.path}/${file}`;
  const ssh = (line: string) => sshDebianSystem(PORT, line);

  test.before(async (context) => {
    context.dir = await tempDir();
    context.disk = await copyDebianDisk(context.dir.path);
    const networkSocket = path(context, 'net.sock');
    context.network = startPasst(networkSocket);
    await waitFor(() => existsSync(networkSocket), { what: 'passt to listen' });
    const [program = '', ...first] = command;
    const args = debianSystemArguments({
      ...{ disk: context.disk, networkSocket },
      ...{ agentSocket: path(context, 'agent.sock'), console: path(context, 'console') },
    });
    context.vmm = spawn(program, [...first, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    context.said = '';
    context.vmm.stderr?.on('data', (chunk: Buffer) => {
      context.said += chunk;
    });
  });
  test.after(async ({ dir, network, vmm }) => {
    for (const child of [vmm, network]) await end(child);
    await dir.remove();
  });

  test('it boots until everything runs, and says so on its console', async (context) => {
    const console = async () => {
      if (hasEnded(context.vmm)) throw new Error(`expected ${name} to run, it ended: ${context.said}`);
      const text = await readFile(path(context, 'console'), 'latin1').catch(() => '');
      return /^baton-debian: .*$/m.exec(text)?.[0].trim();
    };
    const what = 'the line about the end of the boot';
    const line = await waitFor(console, { deadlineMs: BOOT_DEADLINE_MS, pollMs: 100, what });
    assert.is(line, RUNNING_LINE);
  });

  test('root is let in by the key over the network, and finds a system without failures', async () => {
    // passt takes a connection before it knows whether the guest does, and then resets it.
    const state = () => ssh('systemctl is-system-running').catch(() => null);
    const what = 'ssh into the guest';
    assert.is(await waitFor(state, { deadlineMs: BOOT_DEADLINE_MS, pollMs: 200, what }), 'running');
    // What dpkg finds changed beside its configuration files and the folders that were left out, of the larger packages.
    const changed = 'dpkg --verify systemd openssh-server | grep -v "^??5?????? c\\|^missing" || true';
    const failed = 'systemctl list-units --failed --no-legend --plain';
    const found = await ssh(`${failed}; dpkg --audit; ${changed}; ip -4 -o address show dev eth0`);
    assert.match(found, new RegExp(`^\\d+: eth0 +inet ${ADDRESS}/24 [^\\n]*$`));
  });

  test('its files have the owners and modes of their packages', async () => {
    const paths = '/usr/bin/su /usr/sbin/unix_chkpwd /etc/shadow /root /tmp /usr';
    const others = 'find / -xdev -not -user root -printf "%m %u:%g %p\\n"';
    const expected = ['4755 root:root', '2755 root:shadow', '640 root:shadow', '700 root:root'];
    expected.push('1777 root:root', '755 root:root');
    expected.push('755 systemd-network:systemd-network /var/lib/systemd/network');
    assert.equal((await ssh(`stat -c "%a %U:%G" ${paths}; ${others}`)).split('\n'), expected);
  });

  test('a database that it writes can be read back', async () => {
    const statements = [
      'create table t(n integer primary key, data blob)',
      'with recursive c(n) as (select 1 union all select n+1 from c where n<500) ' +
        'insert into t select n, randomblob(2000) from c',
      'select count(*), sum(length(data)) from t',
      'pragma integrity_check',
    ];
    const written = await ssh(`sqlite3 /var/tmp/test.db "${statements.join('; ')}" && sync`);
    assert.equal(written.split('\n'), ['500|1000000', 'ok']);
  });

  test('the guest agent answers on its port', async (context) => {
    const agent = await GuestAgent.open(path(context, 'agent.sock'));
    try {
      assert.equal(await agent.execute('guest-ping'), {});
      const info = (await agent.execute('guest-info')) as { version: string };
      assert.match(info.version, /^\d+\.\d+/);
      assert.equal(await agent.execute('guest-get-host-name'), { 'host-name': 'baton-debian' });
    } finally {
      agent.close();
    }
  });

  test('told by its agent it powers off, and leaves a clean disk', async (context) => {
    const agent = await GuestAgent.open(path(context, 'agent.sock'));
    agent.send('guest-shutdown', { mode: 'powerdown' });
    await waitFor(() => hasEnded(context.vmm), {
      deadlineMs: POWER_OFF_DEADLINE_MS,
      what: 'the power to be off',
    });
    agent.close();
    assert.is(context.vmm.exitCode, 0, context.said);
    await checkFilesystem(context.disk);
  });

  test.run();
}

const missing =
  (await debianSystemMissing()) ??
  (await diskToolsMissing()) ??
  [qemu, passt]
    .map((found) => ('missing' in found ? found.missing : null))
    .find((reason) => reason !== null) ??
  (await ownNetworkMissing());
if (missing !== null) skipSuite(SUITE, missing);
else if (await isInOwnNetwork(import.meta.url)) {
  await makeNetwork('outside', `${ADDRESS}/24`, ROUTER);
  for (const vmm of VMMS) testOn(vmm);
}
