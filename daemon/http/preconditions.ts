/**
 * `ETag`, `If-Match` and `If-None-Match` of machines. The tag is the revision of the document: name, specification,
 * labels, and what it may run on. What the machine does just now is shown with the document and is not covered by it: a
 * client that waits for a state follows the events or an operation.
 */
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { BatonError } from '../errors.js';
import type { Machine } from '../machine.js';

const TAGS = '^ *(\\*|(W/)?"[^"]*"( *, *(W/)?"[^"]*")*) *$';
const tags = (description: string) =>
  Type.Optional(Type.String({ pattern: TAGS, maxLength: 512, examples: ['"3"'], description }));

export const IfMatch = Type.Object({
  'if-match': tags('Only if this is the revision of the document, as its ETag was; otherwise 412'),
});
export const IfNoneMatch = Type.Object({
  'if-none-match': tags(
    'If this is still the revision of the document: 304. States are not covered: leave it out to see them',
  ),
});

type Revised = Pick<Machine, 'revision'>;

const etagOf = ({ revision }: Revised) => `"${revision}"`;

export function sendTag(reply: FastifyReply, machine: Revised): void {
  reply.header('etag', etagOf(machine));
}

/** To be called in the same turn as the change. A weak tag never matches: a change needs the very document. */
export function requireMatch(headers: { 'if-match'?: string }, machine: Machine): void {
  const asked = headers['if-match'];
  if (asked === undefined || asked.trim() === '*' || named(asked).includes(etagOf(machine))) return;
  const { name, revision } = machine;
  const message = `expected machine ${name} to be at revision ${asked.trim()}, but it is at "${revision}": read it again, and decide anew`;
  throw new BatonError('precondition_failed', message, { details: { revision } });
}

/** Whether the client has this document already. */
export function isKnown(headers: { 'if-none-match'?: string }, machine: Revised): boolean {
  const asked = headers['if-none-match'];
  if (asked === undefined) return false;
  return asked.trim() === '*' || named(asked.replaceAll('W/', '')).includes(etagOf(machine));
}

function named(tagList: string): string[] {
  return tagList.match(/(W\/)?"[^"]*"/g) ?? [];
}
