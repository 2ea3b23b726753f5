/** `?wait=30s`: an answer that comes when what was asked for has ended, or when the time is over. */
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { BatonError } from '../errors.js';
import type { OperationEnds } from '../machines/operation-ends.js';
import type { Operation } from '../operation.js';
import { strict } from './schema-words.js';

const MIN_WAIT_MS = 1_000;
const MAX_WAIT_MS = 300_000;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000 } as const;

export const waitMember = {
  wait: Type.Optional(
    Type.String({
      pattern: '^[1-9][0-9]{0,5}(ms|s|m)$',
      examples: ['30s'],
      description:
        'Answer when it has ended: 200 then, 202 when the time (1s to 300s, in ms, s or m) is over and it has not',
    }),
  ),
};

export const WaitQuery = Type.Object(waitMember, strict);

export interface WaitAsked {
  readonly wait?: string;
}

/** Null: it is not waited for. */
export function waitMs({ wait }: WaitAsked): number | null {
  if (wait === undefined) return null;
  const [, count, unit] = /^([0-9]+)(ms|s|m)$/.exec(wait) ?? [];
  const asked = Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
  if (asked >= MIN_WAIT_MS && asked <= MAX_WAIT_MS) return asked;
  throw new BatonError('invalid_request', `expected wait from 1s to 300s, got ${wait}`);
}

/** Resolves when all have ended or the time is over; at once when no time was asked for, or when the client leaves. */
export async function waitFor(
  ends: OperationEnds,
  reply: FastifyReply,
  operations: readonly Pick<Operation, 'id'>[],
  deadlineMs: number | null,
): Promise<void> {
  if (deadlineMs === null || operations.length === 0) return;
  reply.request.tellBegun();
  const left = new AbortController();
  const leave = () => left.abort();
  reply.raw.once('close', leave);
  await Promise.all(operations.map(({ id }) => ends.wait(id, deadlineMs, left.signal)));
  reply.raw.off('close', leave);
}

/** 200: it was waited for and has ended; otherwise 202, with the place to look. */
export function statusOf(state: Operation['state'], deadlineMs: number | null): 200 | 202 {
  return deadlineMs !== null && state !== 'running' ? 200 : 202;
}
