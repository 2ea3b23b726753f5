/**
 * A network namespace of the test's own: the test file runs itself again inside one, so the daemon and the VMMs that
 * it starts are in it too, and nothing of it is seen outside. As an ordinary user it is in a user namespace as well.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const INSIDE = 'BATON_TEST_OWN_NETWORK';
const TOOL_DEADLINE_MS = 10_000;
const NAMESPACES = process.getuid?.() === 0 ? ['--net'] : ['--user', '--map-root-user', '--net'];
/** Debian keeps `ip` where an ordinary user's PATH may not look. */
const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

/** What keeps tests from having a network of their own with a tap; null when nothing does. */
export async function ownNetworkMissing(): Promise<string | null> {
  const trial = ['ip', 'tuntap', 'add', 'dev', 'trial', 'mode', 'tap'];
  const options = { reject: false, timeout: TOOL_DEADLINE_MS, env };
  const { failed, stderr, shortMessage } = await execa('unshare', [...NAMESPACES, ...trial], options);
  if (!failed) return null;
  return `no network namespace with a tap can be made here (Debian: iproute2): ${stderr || shortMessage}`;
}

/** Whether this process is inside; if not, it has run `url` inside and taken its exit code. */
export async function isInOwnNetwork(url: string): Promise<boolean> {
  if (process.env[INSIDE] !== undefined) return true;
  const own = [...process.execArgv, fileURLToPath(url), ...process.argv.slice(2)];
  const args = [...NAMESPACES, process.execPath, ...own];
  const child = spawn('unshare', args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: 'yes' } });
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, 'exit');
  process.exitCode = code ?? 1;
  return false;
}

function ip(...args: string[]): Promise<unknown> {
  return execa('ip', args, { timeout: TOOL_DEADLINE_MS, env });
}

/** A tap with an address of the host's, up; for as long as the namespace lives. */
export async function makeTap(name: string, address: string): Promise<void> {
  await ip('tuntap', 'add', 'dev', name, 'mode', 'tap');
  await ip('address', 'add', address, 'dev', name);
  await ip('link', 'set', name, 'up');
}

/** What passt wants to find: a network that this host is on, with a way out of it; and a loopback. */
export async function makeNetwork(name: string, address: string, router: string): Promise<void> {
  await ip('link', 'set', 'lo', 'up');
  await makeTap(name, address);
  await ip('route', 'add', 'default', 'via', router, 'dev', name);
}

/** How often this process has the tap open. */
export function timesTapIsOpen(name: string, pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      const isTun = readlinkSync(`/proc/${pid}/fd/${fd}`) === '/dev/net/tun';
      return isTun && readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8').includes(`iff:\t${name}\n`);
    } catch {
      return false;
    }
  }).length;
}
