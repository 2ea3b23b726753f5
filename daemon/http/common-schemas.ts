/** What the shapes of several resources share: problems, the parameters of paths, a body without members. */
import { Type } from 'typebox';
import { named, strict } from './schema-words.js';

export const Problem = named(
  'Problem',
  Type.Object(
    {
      type: Type.String({ description: 'urn:baton:problem:<code>' }),
      title: Type.String({ description: 'The kind of problem, for people' }),
      status: Type.Integer({ description: 'The HTTP status' }),
      detail: Type.String({ description: 'What was expected, what was got, and what to do' }),
      code: Type.String({ description: 'The kind of problem, for programs; never changes its meaning' }),
      instance: Type.Optional(Type.String({ description: 'The request, as it appears in the log' })),
    },
    { additionalProperties: true, description: 'RFC 9457 problem details' },
  ),
);

export const MachineParams = Type.Object({
  machine: Type.String({ maxLength: 64, description: 'Id or name of a machine' }),
});
export const IdParams = Type.Object({ id: Type.String({ maxLength: 128, description: 'Id' }) });
export const InstanceParams = Type.Object({
  machine: Type.String({ maxLength: 64, description: 'Id or name of a machine' }),
  generation: Type.String({ pattern: '^[1-9][0-9]{0,8}$', description: 'Generation of an instance' }),
});

export const NoBody = Type.Object({}, { ...strict, description: 'Nothing; the body may be left out' });

export const Unchanged = Type.Null({ description: 'Nothing: it is as the client knows it' });
