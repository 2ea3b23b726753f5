/** passt in a network namespace of the test's own: `makeNetwork('outside', …)` has made the host's network. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { findInCache } from '../fetch/cache.js';
import { waitFor, within } from '../helpers/wait.js';

/** passt gives the guest the address of the host's. */
export const PASST_ADDRESS = '192.0.2.10';
export const PASST_ROUTER = '192.0.2.1';
/** Of the loopback; leads to the guest's sshd. */
export const SSH_PORT = 2222;
export const SSH_FORWARD = `${SSH_PORT}:22`;
const END_DEADLINE_MS = 10_000;

export interface PasstSettings {
  /** Ports of the loopback that lead to the guest's, as passt words them. */
  readonly ports: readonly string[];
  /** It has the guest's queues, and needs to be a newer one. */
  readonly vhostUser?: boolean;
}

/** Serves one client and ends with it. */
export async function startPasst(
  socket: string,
  { ports, vhostUser = false }: PasstSettings,
): Promise<ChildProcess> {
  const found = vhostUser ? findInCache().newPasst() : findInCache().passt();
  if ('missing' in found) throw new Error(found.missing);
  const network = ['--ipv4-only', '--address', PASST_ADDRESS, '--netmask', '24', '--gateway', PASST_ROUTER];
  const args = ['--foreground', '--quiet', '--one-off', '--runas', '0', '--socket', socket, ...network];
  if (vhostUser) args.push('--vhost-user');
  const forwarded = `127.0.0.1/${ports.join(',')}`;
  const passt = spawn(found.path, [...args, '--tcp-ports', forwarded], { stdio: 'ignore' });
  try {
    await waitFor(() => existsSync(socket), { what: 'passt to listen' });
    return passt;
  } catch (error) {
    await endPasst(passt);
    throw error;
  }
}

export async function endPasst(passt: ChildProcess): Promise<void> {
  if (passt.exitCode !== null || passt.signalCode !== null) return;
  const exit = once(passt, 'exit');
  passt.kill('SIGKILL');
  await within(exit, END_DEADLINE_MS, 'the end of passt');
}
