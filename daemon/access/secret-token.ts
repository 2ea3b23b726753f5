/**
 * A token as its owner has it: `baton_ID_SECRET`. The id is no secret: it finds the row. The secret is 32 random bytes,
 * so that its plain SHA-256 is all that has to be kept: there is nothing to guess. Pure, but for the randomness.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const FORM = /^baton_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

export interface NewSecret {
  readonly id: string;
  /** What the owner gets. */
  readonly text: string;
  readonly hash: Buffer;
}

export function newSecret(): NewSecret {
  const id = randomBytes(8).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  return { id, text: `baton_${id}_${secret}`, hash: hashOf(secret) };
}

/** Null: it has not the form of a token. */
export function parseSecret(text: string): { id: string; hash: Buffer } | null {
  const [, id, secret] = FORM.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id, hash: hashOf(secret) };
}

/** Takes as long whatever differs. */
export function sameHash(one: Uint8Array, another: Uint8Array): boolean {
  return one.length === another.length && timingSafeEqual(one, another);
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
