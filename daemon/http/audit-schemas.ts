/** The audit as it is asked for and shown. */
import { Type } from 'typebox';
import { ROLES } from '../access/principal.js';
import { pageQuery } from './paging.js';
import { strict, textOrNull, time, words, wordsOrNull } from './schema-words.js';

const Link = Type.Object({
  seq: Type.Integer({ description: 'Number of the entry' }),
  hash: Type.String({ description: 'Its hash' }),
});

export const AuditEntryView = Type.Object(
  {
    seq: Type.Integer({ description: 'Number; without gaps' }),
    time: time('When it ended'),
    requester: Type.String({ description: 'Who asked; unknown: who had nothing to show' }),
    role: wordsOrNull(ROLES, 'What that one might; null: nothing'),
    credential: textOrNull('Id of the token or fingerprint of the certificate; null: neither'),
    origin: Type.String({ description: 'Address, or on the unix socket the number of the user' }),
    method: Type.String({ description: 'Method' }),
    route: Type.String({ description: 'Route, without what it was asked of' }),
    subject: Type.String({ description: 'Path, without its query' }),
    status: Type.Integer({ description: 'Status of the answer' }),
    count: Type.Integer({ description: 'How many there were of this kind since it was told of last' }),
    previousHash: Type.String({ description: 'Hash of the entry before' }),
    hash: Type.String({
      description: 'SHA-256 of the JSON array of all the other members, in this order, without spaces',
    }),
  },
  { description: 'One entry' },
);

export const AuditQuery = pageQuery({
  requester: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'Of this one only, as unix:alice' }),
  ),
  order: Type.Optional(words(['newest', 'oldest'] as const, 'Which come first; default: newest')),
  after: Type.Optional(
    Type.Integer({ minimum: 0, description: 'For JSON lines: those with a higher number only' }),
  ),
});

export const VerifyQuery = Type.Object(
  {
    head: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,15}:[0-9a-f]{64}$',
        description: 'SEQ:HASH of an entry that was noted elsewhere; it must be there',
      }),
    ),
  },
  strict,
);

export const AuditVerdictView = Type.Object({
  isWhole: Type.Boolean({ description: 'Whether nothing was found' }),
  flaw: textOrNull('What was found first'),
  entries: Type.Integer({ description: 'How many were looked at' }),
  anchor: Type.Object(Link.properties, {
    description: 'What the first entry stands on: those up to it were removed, as they were old',
  }),
  head: Type.Object(Link.properties, { description: 'The newest; to be noted elsewhere' }),
});
