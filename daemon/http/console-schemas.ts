/** How a session of a console is asked for. */
import { Type } from 'typebox';
import { CONSOLE_POSITION } from '../console/position.js';
import { strict } from './schema-words.js';

export const ConsoleQuery = Type.Object(
  {
    after: Type.Optional(
      Type.String({
        pattern: CONSOLE_POSITION,
        description: 'GENERATION:OFFSET of the first byte wanted; it goes on from there',
      }),
    ),
    tail: Type.Optional(
      Type.String({
        pattern: '^(0|[1-9][0-9]{0,14})$',
        description: 'Without after: how many bytes of what was written before to begin with; default 65536',
      }),
    ),
    readonly: Type.Optional(
      Type.String({ pattern: '^(true|1)?$', description: 'Given: this session does not write' }),
    ),
  },
  strict,
);
