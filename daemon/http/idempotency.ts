/**
 * `Idempotency-Key` on every POST: the same request under the same key, within a day, is done once and answered
 * alike. Only what was done is kept: after a problem the key is free again, as nothing was begun.
 *
 * A daemon that dies before it answers leaves the key with what the request had made by then, as that is written in the
 * transaction that makes it. Asked again, the next daemon answers with that operation or machine. When nothing had
 * been made the request is done, for the first time. Routes of all machines at once are done again: those for which
 * it was begun need nothing, or are named as refused.
 */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type Caller, requesterName } from '../access/principal.js';
import { BatonError } from '../errors.js';
import { type IdempotencyKey, type KeptAnswer, type KeptRequest, underKey } from '../idempotency.js';
import type { Services } from '../machines/services.js';

/** In place of a larger answer what was made is shown, as after a death. All that are kept are some 40 MB at most. */
const MAX_BODY_BYTES = 4 * 1024;
const KEPT_HEADERS = ['content-type', 'location', 'etag'];

const KeyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,255}$',
      examples: ['6f1c2b1e-8d1b-4c52-9d3e-0a4c6a3f2b11'],
      description:
        'Of your choice: the same request with the same key is done once within 24 hours, and answered alike with Idempotency-Replayed: true',
    }),
  ),
});

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `redo`: after the death of a daemon it is done again. `none`: not offered, as for answers with secrets. */
    idempotency?: 'redo' | 'none';
  }
  interface FastifyRequest {
    /** Under which it is done now, for the first time. */
    idempotencyKey: IdempotencyKey | null;
  }
}

/** What a path below /v1 is answered with by the one that made it. */
export type ShowMade = (path: string) => { readonly status: number; readonly body: object };

/** Before any route is added. */
export function addIdempotency(app: FastifyInstance, { store, log }: Services, show: ShowMade): void {
  const underway = new Set<string>();
  app.decorateRequest('idempotencyKey', null);

  app.addHook('onRoute', (route) => {
    if (route.method !== 'POST' || route.config?.idempotency === 'none') return;
    route.schema = { ...route.schema, headers: route.schema?.headers ?? KeyHeader };
  });

  app.addHook('preHandler', (request, reply, done) => {
    const key = keyOf(request);
    if (key === null) return done();
    const fingerprint = fingerprintOf(request);
    if (underway.has(nameOf(key))) throw inUse(key);
    const kept = store.idempotency.find(key);
    if (kept !== null && kept.fingerprint !== fingerprint) throw reused(key);
    const answer = kept && (kept.answer ?? answerOfDead(request, kept, show));
    if (answer !== null) {
      replay(reply, answer);
      return;
    }
    store.quickly(() => store.idempotency.begin(key, fingerprint));
    underway.add(nameOf(key));
    request.idempotencyKey = key;
    underKey(key, done);
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const key = request.idempotencyKey;
    if (key === null) return;
    request.idempotencyKey = null;
    underway.delete(nameOf(key));
    try {
      if (reply.statusCode >= 400) store.quickly(() => store.idempotency.free(key));
      const answer = answerOf(reply, payload);
      if (answer !== null) store.quickly(() => store.idempotency.answer(key, answer));
    } catch (error) {
      log.warn({ err: error }, 'the answer to a request with a key could not be kept');
    }
  });
}

function keyOf({ method, headers, principal, routeOptions }: FastifyRequest): IdempotencyKey | null {
  const key = headers['idempotency-key'];
  if (method !== 'POST' || typeof key !== 'string' || routeOptions.config.idempotency === 'none') return null;
  return { principal: ownerOf(principal), key };
}

/** The name of a token that was revoked can be that of another one, with other rights. */
function ownerOf(caller: Caller): string {
  return caller.via === 'token' ? `token:${caller.credential}` : requesterName(caller);
}

function nameOf({ principal, key }: IdempotencyKey): string {
  return `${key} ${principal}`;
}

function fingerprintOf({ method, url, body }: FastifyRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([method, url, body ?? null]))
    .digest('hex');
}

function inUse({ key }: IdempotencyKey): BatonError {
  const message = `the first request with the key ${key} is still being done: ask again in a moment`;
  return new BatonError('idempotency_key_in_use', message);
}

function reused({ key }: IdempotencyKey): BatonError {
  const message = `expected the request that the key ${key} was first used for, got another one: use a new key`;
  return new BatonError('idempotency_key_reused', message);
}

/** Null: nothing was done, or the answer is too large to be kept. */
function answerOf(reply: FastifyReply, payload: unknown): KeptAnswer | null {
  const body = payload === null || payload === undefined ? '' : String(payload);
  if (reply.statusCode >= 400 || Buffer.byteLength(body) > MAX_BODY_BYTES) return null;
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = reply.getHeader(name);
    return value === undefined ? [] : [[name, String(value)]];
  });
  return { status: reply.statusCode, headers: Object.fromEntries(headers), body };
}

/** Null: it is to be done (again). */
function answerOfDead(
  { routeOptions }: FastifyRequest,
  { made }: KeptRequest,
  show: ShowMade,
): KeptAnswer | null {
  const [path, another] = made;
  if (path === undefined || another !== undefined || routeOptions.config.idempotency === 'redo') return null;
  const { status, body } = show(path);
  const headers = { 'content-type': 'application/json; charset=utf-8', location: `/v1/${path}` };
  return { status, headers, body: JSON.stringify(body) };
}

function replay(reply: FastifyReply, { status, headers, body }: KeptAnswer): void {
  reply
    .code(status)
    .headers(headers)
    .header('idempotency-replayed', 'true')
    .serializer((text: string) => text)
    .send(status === 204 ? undefined : body);
}
