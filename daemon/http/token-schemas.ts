/** Tokens as they are asked for and shown. */
import { Type } from 'typebox';
import { ROLES } from '../access/principal.js';
import { strict, textOrNull, time, words } from './schema-words.js';

/** Longer than anybody should want one; short enough that no date is out of range. */
const MAX_EXPIRY_MS = 3_650 * 86_400_000;
const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export const NewToken = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
      description: 'What its bearer is called in events, operations and the audit; no two have the same',
    }),
    role: words(ROLES, 'What its bearer may do; each includes the ones before'),
    machines: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
        minItems: 1,
        maxItems: 1_000,
        description: 'Ids or names of the only machines that it is for; default: all. Not for admins',
      }),
    ),
    expiresIn: Type.Optional(
      Type.String({
        pattern: '^[1-9][0-9]{0,7}[smhd]$',
        description: 'How long it is good for, as 12h or 90d; default: until it is revoked',
      }),
    ),
  },
  { ...strict, description: 'A token' },
);

const members = {
  id: Type.String({ description: 'Id; the middle part of the token' }),
  name: Type.String({ description: 'What its bearer is called' }),
  role: words(ROLES, 'What its bearer may do'),
  machines: Type.Unsafe<string[] | null>({
    type: ['array', 'null'],
    items: { type: 'string' },
    description: 'Ids of the machines that it is for; null: all',
  }),
  createdAt: time('When it was made'),
  createdBy: Type.String({ description: 'Who made it' }),
  expiresAt: textOrNull('When it ends, RFC 3339, UTC; null: when it is revoked'),
  lastUsedAt: textOrNull('When it was used last, RFC 3339, UTC; null: never'),
};

export const TokenView = Type.Object(members, { description: 'A token, without its secret' });

export const CreatedToken = Type.Object(
  {
    ...members,
    token: Type.String({ description: 'For Authorization: Bearer; told now and never again' }),
  },
  { description: 'A token, with its secret' },
);

/** Null: it is longer than a token can be good for. */
export function expiryMs(text: string): number | null {
  const ms = Number(text.slice(0, -1)) * (UNITS_MS[text.slice(-1)] ?? 0);
  return ms <= MAX_EXPIRY_MS ? ms : null;
}
