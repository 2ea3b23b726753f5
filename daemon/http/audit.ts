/** The audit, to be read, taken elsewhere, and verified. */
import { Readable } from 'node:stream';
import type { AuditEntry } from '../access/audit.js';
import { AuditEntryView, AuditQuery, AuditVerdictView, VerifyQuery } from './audit-schemas.js';
import { Problem } from './common-schemas.js';
import { pageAnswer, pageAsked, pageOf } from './paging.js';
import type { Routes } from './server.js';

const JSON_LINES = 'application/x-ndjson';
const LINES_AT_ONCE = 500;
const problems = { '4xx': Problem, '5xx': Problem };
const config = { role: 'admin' } as const;

export const auditRoutes: Routes = async (app, { access, services }) => {
  const { audit } = services.store;

  /** All that there are now, a stretch at a time, as fast as they are read. */
  async function* lines(after: number): AsyncGenerator<string> {
    const { seq: last } = audit.head();
    for (let reached = after; reached < last; ) {
      const entries = audit.after(reached, last, LINES_AT_ONCE);
      if (entries.length === 0) return;
      reached = entries.at(-1)?.seq ?? last;
      yield entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
    }
  }

  app.get(
    '/audit',
    {
      config,
      schema: {
        summary: 'Who asked for what, newest first',
        description: `With Accept: ${JSON_LINES} all of it as JSON lines, oldest first, after a number if one is given.`,
        querystring: AuditQuery,
        response: { 200: pageOf('entries', AuditEntryView), ...problems },
      },
    },
    async ({ query, headers: { accept } }, reply) => {
      if (accept?.includes(JSON_LINES)) {
        return reply.type(JSON_LINES).send(Readable.from(lines(query.after ?? 0)) as never);
      }
      const { requester = null, order = 'newest' } = query;
      const page = audit.page(pageAsked('entries', query), { requester }, order === 'newest');
      return pageAnswer('entries', reply, page, (entry: AuditEntry) => entry);
    },
  );

  app.get(
    '/audit/verify',
    {
      config,
      schema: {
        summary: 'Whether an entry of the audit was changed, removed or put elsewhere',
        description:
          'Whoever can write the database can write all of it anew. Note the head elsewhere (the log of the daemon has each), and give it: then that is seen as well, and also when the newest entries were cut off.',
        querystring: VerifyQuery,
        response: { 200: AuditVerdictView, ...problems },
      },
    },
    async ({ query: { head } }) => {
      const [seq, hash] = head?.split(':') ?? [];
      const noted = seq === undefined || hash === undefined ? null : { seq: Number(seq), hash };
      return access.audit.verify(noted);
    },
  );
};
