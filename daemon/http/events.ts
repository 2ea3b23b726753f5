/** Events on one path: a list, a stream over WebSocket, and a stream of server-sent events. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type Caller, seesMachine } from '../access/principal.js';
import { BatonError } from '../errors.js';
import { type StoredEvent, toCloudEvent } from '../event.js';
import { type Matches, matcher, requireKnownTypes, wordsOf } from '../event-filter.js';
import { Problem } from './common-schemas.js';
import { checkSequence } from './event-feed.js';
import { EventQuery, EventView } from './event-schemas.js';
import { EVENT_STREAM, EventSource } from './event-source.js';
import { EventStream } from './event-stream.js';
import { EventWebSocket } from './event-websocket.js';
import type { Routes } from './server.js';

const DEFAULT_LIMIT = 100;
/** Looked at in one go: about a millisecond. */
const LOOKED_AT = 1_000;
/** Of a machine that may be no more. */
const MACHINE_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SEQUENCE = /^[0-9]{1,15}$/;

interface Query {
  readonly after?: string;
  readonly type?: string | string[];
  readonly machine?: string | string[];
}

function wantsEventSource({ method, headers: { accept = '' } }: FastifyRequest): boolean {
  if (method !== 'GET') return false;
  return accept.split(',').some((part) => part.split(';')[0]?.trim() === EVENT_STREAM);
}

function isWebSocket(request: FastifyRequest): boolean {
  return (request as { ws?: boolean }).ws === true;
}

/** Where a reader comes back to. A browser sends the header and the address that it began with. */
function afterOf({ query, headers }: FastifyRequest): number | null {
  const header = headers['last-event-id'];
  if (header !== undefined) {
    if (typeof header === 'string' && SEQUENCE.test(header)) return Number(header);
    throw new BatonError('invalid_request', 'expected a sequence of an event as Last-Event-ID');
  }
  const { after } = query as Query;
  return after === undefined ? null : Number(after);
}

export const eventRoutes: Routes = async (app, { services, supervisor, feed }) => {
  const { store } = services;

  const machineId = (idOrName: string, principal: Caller) => {
    if (MACHINE_ID.test(idOrName)) return idOrName;
    const { id } = supervisor.machine(idOrName);
    if (seesMachine(principal, id)) return id;
    throw new BatonError('machine_not_found', `there is no machine with id or name ${idOrName}`);
  };

  const filterOf = ({ query, principal }: FastifyRequest): Matches | null => {
    const { type, machine } = query as Query;
    const types = wordsOf(type);
    requireKnownTypes(types);
    return matcher({
      types,
      machines: wordsOf(machine).map((word) => machineId(word, principal)),
      visible: principal.machines,
    });
  };

  /** Stretch by stretch, as a filter may let little through of much. */
  const list = async (after: number, limit: number, matches: Matches | null) => {
    const { last } = store.events.range();
    const events: StoredEvent[] = [];
    let reached = after;
    while (reached < last && events.length < limit) {
      const size = matches === null ? limit - events.length : LOOKED_AT;
      const page = store.events.scan(reached, size, matches);
      if (page.reached === reached) break;
      reached = page.reached;
      const taken = page.events.slice(0, limit - events.length);
      events.push(...taken);
      if (taken.length < page.events.length) reached = taken.at(-1)?.seq ?? reached;
      if (reached < last && events.length < limit) await nextTurn();
    }
    return { events, reached, last };
  };

  const stream = (request: FastifyRequest, reply: FastifyReply): void => {
    const after = afterOf(request);
    const lost = after === null ? null : checkSequence(store, after);
    if (lost !== null) throw lost;
    const matches = filterOf(request);
    reply.hijack();
    const headers = reply.getHeaders() as Record<string, string | number | string[]>;
    const source = new EventSource(reply.raw, headers);
    /* Where it begins, for a reader that loses its connection before anything happens. */
    if (after === null) source.sendReached(store.events.range().last);
    new EventStream(feed, source, { after, matches });
  };

  app.route({
    method: 'GET',
    url: '/events',
    config: { scoped: true },
    schema: {
      summary:
        'Events after a sequence, oldest first; over WebSocket, or with Accept: text/event-stream, also those to come',
      description:
        'A stream sends what was missed, then what happens, in order, each once: WebSocket as text frames, server-sent events with the sequence as id. Come back with after= (or Last-Event-ID) the last sequence that you know. One that is not sent everything is told how far it is by an event baton.events.reached (an id without data) now and then. A reader that does not read is cut with the problem slow_reader.',
      querystring: EventQuery,
      response: {
        200: Type.Object({
          events: Type.Array(EventView),
          last: Type.Integer({
            description: 'The newest sequence there is: list what you want to know, then go on after this',
          }),
          next: Type.Unsafe<string | null>({
            type: ['string', 'null'],
            description: 'What to give as after= for more; null: that was all',
          }),
        }),
        '4xx': Problem,
        '5xx': Problem,
      },
    },
    preHandler: async (request) => {
      if (isWebSocket(request) || wantsEventSource(request)) feed.requireRoom();
      filterOf(request);
    },
    handler: async (request, reply) => {
      if (wantsEventSource(request)) {
        stream(request, reply);
        return reply;
      }
      const after = afterOf(request) ?? 0;
      const lost = checkSequence(store, after);
      if (lost !== null) throw lost;
      const limit = Number(request.query.limit ?? DEFAULT_LIMIT);
      const { events, reached, last } = await list(after, limit, filterOf(request));
      const next = reached < last ? String(reached) : null;
      return { events: events.map(toCloudEvent), last, next };
    },
    wsHandler: (socket, request) => {
      const transport = new EventWebSocket(socket);
      const after = afterOf(request);
      const events = new EventStream(feed, transport, { after, matches: filterOf(request) });
      transport.onMessage((error) => events.refuse(error));
    },
  });
};
