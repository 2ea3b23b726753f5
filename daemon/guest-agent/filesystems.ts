/** Freezing and thawing the filesystems of a guest: while they are frozen, whatever writes in the guest waits. */
import type { AgentClient } from './agent-client.js';
import { AgentGarbled } from './agent-errors.js';
import { countFrom } from './guest-words.js';

/** All that is not written yet is written first. */
const FREEZE_DEADLINE_MS = 10_000;
const THAW_DEADLINE_MS = 5_000;

/** Returns how many. After an answer that did not come it is not known whether they are frozen. */
export async function freezeFilesystems(agent: AgentClient, signal: AbortSignal): Promise<number> {
  return filesystemsIn(
    await agent.ask('guest-fsfreeze-freeze', {}, { deadlineMs: FREEZE_DEADLINE_MS, signal }),
  );
}

/** Nothing to do is success. Returns how many. */
export async function thawFilesystems(agent: AgentClient, signal: AbortSignal): Promise<number> {
  return filesystemsIn(await agent.ask('guest-fsfreeze-thaw', {}, { deadlineMs: THAW_DEADLINE_MS, signal }));
}

function filesystemsIn(answer: unknown): number {
  const count = countFrom(answer);
  if (count === null) throw new AgentGarbled('expected a number of filesystems');
  return count;
}
