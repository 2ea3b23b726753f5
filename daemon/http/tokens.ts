/** Tokens: how callers beyond the unix socket say who they are. The first one is made over the unix socket. */
import { Type } from 'typebox';
import type { Token } from '../access/token.js';
import { BatonError } from '../errors.js';
import { IdParams, Problem } from './common-schemas.js';
import { pageAnswer, pageAsked, pageOf, pageQuery } from './paging.js';
import type { Routes } from './server.js';
import { CreatedToken, expiryMs, NewToken, TokenView } from './token-schemas.js';

const problems = { '4xx': Problem, '5xx': Problem };
const config = { role: 'admin' } as const;

const at = (timeMs: number | null) => (timeMs === null ? null : new Date(timeMs).toISOString());

function tokenView({ machines, createdAtMs, expiresAtMs, lastUsedAtMs, ...token }: Token) {
  return {
    ...token,
    machines: machines && [...machines],
    createdAt: new Date(createdAtMs).toISOString(),
    expiresAt: at(expiresAtMs),
    lastUsedAt: at(lastUsedAtMs),
  };
}

function expiry(expiresIn: string | undefined): number | null {
  if (expiresIn === undefined) return null;
  const ms = expiryMs(expiresIn);
  if (ms === null)
    throw new BatonError('invalid_request', `expected expiresIn of ten years at most, got ${expiresIn}`);
  return ms;
}

export const tokenRoutes: Routes = async (app, { access: { tokens }, supervisor }) => {
  app.get(
    '/tokens',
    {
      config,
      schema: {
        summary: 'Tokens, oldest first; without their secrets',
        querystring: pageQuery({}),
        response: { 200: pageOf('tokens', TokenView), ...problems },
      },
    },
    async ({ query }, reply) =>
      pageAnswer('tokens', reply, tokens.page(pageAsked('tokens', query)), tokenView),
  );

  app.post(
    '/tokens',
    {
      /* Answers that are kept for who asks again would be secrets that are kept. */
      config: { ...config, idempotency: 'none' },
      schema: {
        summary: 'Make a token; its secret is in this answer and in no other',
        body: NewToken,
        response: { 201: CreatedToken, ...problems },
      },
    },
    async (request, reply) => {
      const { name, role, machines = null, expiresIn } = request.body;
      const ids = machines && [...new Set(machines.map((machine) => supervisor.machine(machine).id))];
      const { token, secret } = tokens.create({ name, role, machines: ids, expiresInMs: expiry(expiresIn) });
      return reply
        .code(201)
        .header('location', `/v1/tokens/${token.id}`)
        .header('cache-control', 'no-store')
        .send({ ...tokenView(token), token: secret });
    },
  );

  app.get(
    '/tokens/:id',
    { config, schema: { summary: 'One token', params: IdParams, response: { 200: TokenView, ...problems } } },
    async (request) => tokenView(tokens.byId(request.params.id)),
  );

  app.delete(
    '/tokens/:id',
    {
      config,
      schema: {
        summary: 'Revoke a token; what goes on with it ends at once',
        params: IdParams,
        response: { 204: Type.Null(), ...problems },
      },
    },
    async (request, reply) => {
      tokens.revoke(request.params.id);
      return reply.code(204).send(null);
    },
  );
};
