/**
 * A notice to a guest: its agent runs a program of the guest's own, if there is one, before the guest stands still and
 * after it goes on:
 *
 *     /etc/baton/notice before UPGRADE PAUSE_MS REASON              the pause that is expected
 *     /etc/baton/notice after UPGRADE PAUSE_MS REASON moved|stayed  the pause that was, and on which VMM it goes on
 *
 * It may take as long as `HOOK_DEADLINE_MS`; the pause then comes all the same, and nothing that it does or says
 * changes what the daemon does. The words are arguments of a program: no shell reads them.
 */
import { isRecord } from '../../vmm/qmp/protocol.js';
import { until } from '../instance/deadline.js';
import type { AgentClient } from './agent-client.js';
import { AgentGarbled, AgentRefused } from './agent-errors.js';
import { countFrom } from './guest-words.js';

export const NOTICE_HOOK = '/etc/baton/notice';
const HOOK_DEADLINE_MS = 2_000;
const POLL_MS = 20;
/** As the agents of Linux guests and of others word it. */
const NOT_THERE = /no such file|not found|cannot find/i;

export interface Notice {
  readonly upgradeId: string;
  readonly pauseMs: number;
  readonly reason: string;
  /** Null: the pause is yet to come. */
  readonly outcome: 'moved' | 'stayed' | null;
}

export interface NoticeOptions {
  readonly signal: AbortSignal;
  readonly deadlineMs?: number | undefined;
}

/** False: the guest has no program for it. Rejects with one of the agent's errors, or as it went wrong. */
export async function giveNotice(
  agent: AgentClient,
  notice: Notice,
  { signal, deadlineMs = HOOK_DEADLINE_MS }: NoticeOptions,
): Promise<boolean> {
  const { upgradeId, pauseMs, reason, outcome } = notice;
  const when = outcome === null ? ['before'] : ['after'];
  const arg = [...when, upgradeId, String(pauseMs), reason, ...(outcome === null ? [] : [outcome])];
  let started: unknown;
  try {
    started = await agent.ask('guest-exec', { path: NOTICE_HOOK, arg, 'capture-output': false }, { signal });
  } catch (error) {
    if (error instanceof AgentRefused && NOT_THERE.test(error.message)) return false;
    throw error;
  }
  const pid = countFrom(isRecord(started) ? started.pid : null);
  if (pid === null) throw new AgentGarbled('guest-exec returned no pid');
  const ended = async () => statusFrom(await agent.ask('guest-exec-status', { pid }, { signal }));
  const what = `${NOTICE_HOOK} in the guest to end`;
  const status = await until(ended, { deadlineMs, what, signal }, POLL_MS);
  if (status === 'exit code 0') return true;
  throw new Error(`${NOTICE_HOOK} in the guest ended with ${status}`);
}

/** How it ended; null: it has not. */
function statusFrom(status: unknown): string | null {
  if (!isRecord(status) || typeof status.exited !== 'boolean') {
    throw new AgentGarbled('guest-exec-status returned no status');
  }
  if (!status.exited) return null;
  const signal = countFrom(status.signal);
  return signal === null ? `exit code ${countFrom(status.exitcode) ?? 'unknown'}` : `signal ${signal}`;
}
