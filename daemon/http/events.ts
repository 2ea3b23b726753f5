/** Events: a list by GET, a stream by WebSocket on the same path. */
import { Type } from 'typebox';
import { toCloudEvent } from '../event.js';
import { Problem } from './common-schemas.js';
import { EventQuery, EventView } from './event-schemas.js';
import { checkSequence, EventStream } from './event-stream.js';
import type { Routes } from './server.js';

const DEFAULT_LIMIT = 1000;

export const eventRoutes: Routes = async (app, { services }) => {
  const { store } = services;

  app.route({
    method: 'GET',
    url: '/events',
    schema: {
      summary: 'Events after a sequence, oldest first; over WebSocket each as a frame, and those to come',
      querystring: EventQuery,
      response: {
        200: Type.Object({
          events: Type.Array(EventView),
          last: Type.Integer({ description: 'The newest sequence there is' }),
        }),
        '4xx': Problem,
        '5xx': Problem,
      },
    },
    handler: async (request) => {
      const after = Number(request.query.after ?? 0);
      const lost = checkSequence(store, after);
      if (lost !== null) throw lost;
      const events = store.events.after(after, Number(request.query.limit ?? DEFAULT_LIMIT));
      return { events: events.map(toCloudEvent), last: store.events.range().last };
    },
    wsHandler: (socket, request) => {
      const { after } = request.query as { after?: string };
      new EventStream(socket, store, after === undefined ? null : Number(after));
    },
  });
};
