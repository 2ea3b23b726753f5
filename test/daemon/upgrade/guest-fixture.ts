/** A machine whose guest has an agent of the test's choice, and how to see what the guest was asked for. */
import { existsSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { type Answer, call, type Folders, perform, startApp, ticksOf } from '../fixture.js';
import { askedOf, PATIENT, writeAgentVmm } from '../guest-agent/agent-vmm.js';
import type { AgentBehaviour, Asked } from '../guest-agent/fake-agent.js';

export interface Context {
  folders: Folders;
  app: App;
  id: string;
}

const ASKED = /^guest-(exec|fsfreeze-freeze|fsfreeze-thaw)$/;
/** Those that the daemon's own deadlines are for. */
const IS_SLOW = /^(silent|mute-|stuck-)/;

export async function start(context: Context, behaviour: AgentBehaviour): Promise<void> {
  const { folders } = context;
  const path = writeAgentVmm(folders, 'agent-vmm', behaviour);
  const deadlinesMs = IS_SLOW.test(behaviour) ? {} : PATIENT;
  context.app = await startApp(folders, { ownBuild: { kind: 'baton', path }, deadlinesMs });
  const document = { name: 'm', memoryMiB: 32, kernel: folders.kernel, guestAgent: true };
  context.id = (await call(context.app, 'POST', '/v1/machines', document)).body.id;
  await perform(context.app, `/v1/machines/${context.id}/start`);
  await ticksOf(folders, context.id, 1, 0);
}

/** "notice-before done", … */
export function acts({ guest }: Answer['body']): string[] {
  return guest.acts.map(({ act, result }: { act: string; result: string }) => `${act} ${result}`);
}

export function detail({ guest }: Answer['body'], wanted: string): string {
  return guest.acts.find(({ act }: { act: string }) => act === wanted)?.detail ?? '';
}

/** What the guest heard, questions and waiting left out; of notices their first word. */
export function heard({ folders }: Context): string[] {
  return askedOf(folders)
    .filter(({ execute }) => ASKED.test(execute))
    .map((asked) => noticeIn(asked)[0] ?? asked.execute);
}

/** The words of a notice; of something else none. */
function noticeIn({ arguments: args }: Asked): readonly string[] {
  return (args?.arg ?? []) as readonly string[];
}

export function noticesTo({ folders }: Context): (readonly string[])[] {
  return askedOf(folders)
    .map(noticeIn)
    .filter(({ length }) => length > 0);
}

export function isFrozenInside({ folders }: Context): boolean {
  return existsSync(`${folders.path}/asked.frozen`);
}

export async function isWell({ app, folders, id }: Context, generation: number): Promise<void> {
  const { body } = await call(app, 'GET', `/v1/machines/${id}`);
  assert.equal([body.state, body.generation, body.frozen], ['running', generation, null]);
  const ticks = await ticksOf(folders, id, generation, 0);
  await ticksOf(folders, id, generation, ticks);
}
