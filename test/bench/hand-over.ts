/**
 * One cpr-transfer, done by nothing but a QMP script: the yardstick for both VMMs. The target is started
 * without `-S`, so it runs as soon as it has loaded; the pause is the source's STOP to the target's
 * RESUME by the VMMs' own timestamps.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '../helpers/wait.js';
import type { Contender, MonitoredVmm } from './contender.js';
import { monitorArguments, RunningVmm } from './contender.js';
import { Qmp } from './qmp.js';

const CAPABILITIES = [
  { capability: 'events', state: true },
  { capability: 'return-path', state: true },
];

export interface HandOver {
  readonly target: MonitoredVmm;
  readonly pauseMs: number;
  /** The source's and the target's own timestamps. */
  readonly stoppedAtMs: number;
  readonly resumedAtMs: number;
}

/** Resolves with the running target; the source is gone. When it fails, the target is gone. */
export async function handOver(
  source: MonitoredVmm,
  contender: Contender,
  directory: string,
  args: readonly string[],
): Promise<HandOver> {
  await mkdir(directory, { recursive: true });
  const address = (name: string) => ({ transport: 'socket', type: 'unix', path: join(directory, name) });
  const cpr = { 'channel-type': 'cpr', addr: address('cpr.sock') };
  const vmm = new RunningVmm(contender, [
    ...args,
    ...monitorArguments(directory),
    ...['-incoming', 'defer', '-incoming', JSON.stringify(cpr)],
  ]);
  try {
    await source.qmp.execute('migrate-set-capabilities', { capabilities: CAPABILITIES });
    await source.qmp.execute('migrate-set-parameters', { mode: 'cpr-transfer' });
    await vmm.waitUntil(() => existsSync(join(directory, 'cpr.sock')), 'the target to offer its socket');
    const main = { 'channel-type': 'main', addr: address('main.sock') };
    await migrate(source.qmp, [main, cpr]);
    const qmp = await Qmp.connect(join(directory, 'qmp.sock'));
    await qmp.execute('migrate-set-capabilities', { capabilities: CAPABILITIES.slice(0, 1) });
    await qmp.execute('migrate-incoming', { uri: `unix:${join(directory, 'main.sock')}` });
    const resume = await qmp.waitForEvent('RESUME');
    const stop = await source.qmp.waitForEvent('STOP');
    await source.qmp.waitForEvent('MIGRATION', ({ data }) => data.status === 'completed');
    await retire(source);
    const [stoppedAtMs, resumedAtMs] = [stop.timeUs / 1000, resume.timeUs / 1000];
    const pauseMs = resumedAtMs - stoppedAtMs;
    return { target: { vmm, qmp, directory }, pauseMs, stoppedAtMs, resumedAtMs };
  } catch (error) {
    await vmm.kill();
    throw error;
  }
}

/**
 * QEMU's socket has its name a moment before it listens, and to connect as a trial would use up the one
 * connection that a target takes: so the migration itself is what is tried. Being refused changes nothing.
 */
export async function migrate(source: Qmp, channels: readonly unknown[]): Promise<void> {
  const attempt = async () => {
    try {
      await source.execute('migrate', { channels });
      return true;
    } catch (error) {
      if (/refused/i.test((error as Error).message)) return false;
      throw error;
    }
  };
  await waitFor(attempt, { deadlineMs: 5_000, what: 'the target to take the connection for descriptors' });
}

export async function retire({ vmm, qmp }: MonitoredVmm): Promise<void> {
  qmp.close();
  await vmm.kill();
}
