/** Operations, of one machine and of all. */
import { Type } from 'typebox';
import { OPERATION_KINDS, OPERATION_STATES, POINTS_OF_NO_RETURN } from '../operation.js';
import { UPGRADE_STATES } from '../upgrade.js';
import { Problem } from './common-schemas.js';
import { pageQuery, wordList } from './paging.js';
import { named, nullable, strict, textOrNull, time, words, wordsOrNull } from './schema-words.js';

export const OperationView = named(
  'Operation',
  Type.Object({
    id: Type.String({ description: 'Id' }),
    kind: words(OPERATION_KINDS, 'What was asked for'),
    machine: Type.String({ description: 'Id of the machine' }),
    state: words(OPERATION_STATES, 'How far it is'),
    requester: Type.String({
      description: 'Who asked for it: unix, token, certificate or daemon, and a name',
    }),
    upgrade: textOrNull('Path of the upgrade, for upgrades'),
    phase: wordsOrNull(UPGRADE_STATES, 'How far the upgrade is; null: it is none'),
    cancellable: Type.Boolean({ description: 'Whether it can be cancelled now' }),
    pointOfNoReturn: words(
      POINTS_OF_NO_RETURN,
      'ahead: it can be undone; passed: it is finished, whatever happens; none: it cannot be cancelled at any time',
    ),
    error: nullable(Problem, 'Why it did not succeed'),
    createdAt: time('When it was asked for'),
    finishedAt: textOrNull('When it ended, RFC 3339, UTC'),
  }),
);

export const OperationsQuery = pageQuery({
  machine: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'Id or name of a machine, also of a deleted one',
    }),
  ),
  state: wordList(OPERATION_STATES, 'How far they are'),
  kind: wordList(OPERATION_KINDS, 'What was asked for'),
});

export const HostShutdownBody = Type.Object(
  {
    powerdownMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 3_600_000,
        description:
          'How long guests have to power themselves off, in milliseconds; default: host.shutdownDeadline',
      }),
    ),
  },
  { ...strict, description: 'How to go down' },
);

export const HostAnswer = named(
  'HostOperations',
  Type.Object(
    {
      operations: Type.Array(OperationView, { description: 'One per machine that it is done to' }),
      refused: Type.Array(
        Type.Object({
          machine: Type.String({ description: 'Id of the machine' }),
          problem: Problem,
        }),
        { description: 'Machines that it cannot be done to now, and why' },
      ),
    },
    { description: 'What becomes of each machine; those that need nothing are not named' },
  ),
);
