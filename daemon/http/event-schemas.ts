/** Events, and which of them are asked for. */
import { Type } from 'typebox';
import { named, strict, time } from './schema-words.js';

export const EventView = named(
  'Event',
  Type.Object(
    {
      specversion: Type.Literal('1.0', { description: 'Version of CloudEvents' }),
      id: Type.String({ description: 'The sequence as text' }),
      seq: Type.Integer({ description: 'Sequence without gaps: ask for what is after it' }),
      source: Type.String({ description: 'Who says so' }),
      type: Type.String({ description: 'baton.<what>.<what happened>' }),
      subject: Type.String({ description: 'Path below /v1 of what it is about' }),
      time: time('When it happened'),
      requester: Type.String({ description: 'Who asked for what led to it; daemon:batond: nobody' }),
      datacontenttype: Type.String({ description: 'application/json' }),
      data: Type.Unknown({ description: 'What there is to know' }),
    },
    { description: 'CloudEvents 1.0, JSON format' },
  ),
);

/** Given once with commas between, or several times. */
const words = (description: string) =>
  Type.Union(
    [Type.String({ maxLength: 4_096 }), Type.Array(Type.String({ maxLength: 4_096 }), { maxItems: 64 })],
    { description: `${description}; with commas between, or repeated` },
  );

export const EventQuery = Type.Object(
  {
    after: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,15}$',
        description:
          'Events with a higher sequence only. For a stream the default is the newest, and 0 is all that are kept',
      }),
    ),
    limit: Type.Optional(
      Type.String({
        pattern: '^([1-9][0-9]{0,2}|1000)$',
        description: 'At most this many, 1 to 1000, 100 if not given; not for streams',
      }),
    ),
    type: Type.Optional(
      words('Only events of these types; * at the end stands for anything: baton.upgrade.*,baton.guest.*'),
    ),
    machine: Type.Optional(words('Only events of these machines, by id or name')),
  },
  strict,
);
