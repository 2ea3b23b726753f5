/**
 * How much one caller can ask for. Requests are counted per second and principal, those that change something apart;
 * before it is known who asks, per place on the network; what anyone may ask for, per place or local user. Who fails to say who it is, again and again, is answered
 * slowly, and when many are, not at all. All counts are bounded: the oldest are forgotten.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { origin } from '../access/authenticator.js';
import { ConnectionCount } from '../access/connection-count.js';
import type { AccessLimits } from '../access/limits.js';
import { networkOf } from '../access/network.js';
import { requesterName } from '../access/principal.js';
import { BatonError } from '../errors.js';

export interface Limiter {
  /** Before it is known who asks. */
  arrive(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** It is for anyone: who asks is never known. */
  enterOpen(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** Who asks is known now. */
  enter(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** Who asks could not be known. Resolves when that may be said. */
  fail(request: FastifyRequest, reply: FastifyReply): Promise<void>;
}

/** A body that is longer is not read to its end only to answer that it is not wanted. */
const DRAINED_BYTES = 64 * 1024;
const REFUSALS = [401, 403, 429];

export async function addLimits(app: FastifyInstance, limits: AccessLimits): Promise<Limiter> {
  await app.register(rateLimit, { global: false });
  const counter = (max: number, timeWindow: number, key: (request: FastifyRequest) => string) =>
    app.createRateLimit({ max, timeWindow, keyGenerator: key });
  const byName = ({ principal }: FastifyRequest) => requesterName(principal);
  const byNetwork = ({ raw }: FastifyRequest) => networkOf(raw.socket.remoteAddress ?? '');
  const arrivals = counter(limits.requestsPerSecondAndNetwork, 1_000, byNetwork);
  const requests = counter(limits.requestsPerSecond, 1_000, byName);
  const changes = counter(limits.changesPerSecond, 1_000, byName);
  const byOrigin = ({ raw }: FastifyRequest) => networkOf(origin(raw.socket));
  const open = counter(limits.openRequestsPerSecond, 1_000, byOrigin);
  const failures = counter(limits.failuresPerMinute, 60_000, byOrigin);
  let slow = 0;

  limitConnections(app, limits.connectionsPerUser);
  inviteBodies(app);
  return {
    async arrive(request, reply) {
      if (request.raw.socket instanceof TLSSocket) await requireUnder(arrivals, request, reply);
    },
    async enterOpen(request, reply) {
      if (request.raw.socket instanceof Socket) await requireUnder(open, request, reply);
    },
    async enter(request, reply) {
      if (request.principal.via === 'daemon') return;
      await requireUnder(requests, request, reply);
      if (!['GET', 'HEAD'].includes(request.method)) await requireUnder(changes, request, reply);
    },
    async fail(request, reply) {
      if (!(request.raw.socket instanceof Socket)) return;
      const { isAllowed, ...count } = await failures(request);
      if (isAllowed || !('isExceeded' in count) || !count.isExceeded) return;
      if (slow >= limits.maxSlowAnswers) throw tooMany(reply, 1, 'too many could not say who they are');
      slow += 1;
      await delay(limits.slowAnswerMs);
      slow -= 1;
    },
  };
}

async function requireUnder(
  count: ReturnType<FastifyInstance['createRateLimit']>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const counted = await count(request);
  if (counted.isAllowed || !counted.isExceeded) return;
  const message = `expected at most ${counted.max} such requests in a second, got more: ask again later`;
  throw tooMany(reply, Math.max(1, counted.ttlInSeconds), message);
}

function tooMany(reply: FastifyReply, retryAfterSeconds: number, message: string): BatonError {
  reply.header('retry-after', retryAfterSeconds);
  return new BatonError('too_many_requests', message);
}

/** One user of the unix socket cannot take all that there are. */
function limitConnections(app: FastifyInstance, max: number): void {
  const connections = new ConnectionCount(max);
  app.server.on('connection', (socket: Socket) => {
    if (socket instanceof Socket && !(socket instanceof TLSSocket)) connections.admit(origin(socket), socket);
  });
}

/** Who asks first whether to send a body is told so when it may, and not before; what is long and unwanted is cut off. */
function inviteBodies(app: FastifyInstance): void {
  const waiting = new WeakSet<IncomingMessage>();
  app.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    waiting.add(request);
    app.routing(request, response);
  });
  app.addHook('preParsing', async (request, reply, payload) => {
    if (waiting.delete(request.raw)) reply.raw.writeContinue();
    return payload;
  });
  app.addHook('onSend', async ({ raw }, reply) => {
    const { 'content-length': length, 'transfer-encoding': encoding } = raw.headers;
    const isLong = encoding !== undefined || Number(length ?? 0) > DRAINED_BYTES;
    const isUnread = waiting.has(raw) || (isLong && REFUSALS.includes(reply.statusCode));
    if (isUnread) reply.header('connection', 'close');
  });
}
