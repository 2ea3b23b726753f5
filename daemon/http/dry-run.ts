/** `?dryRun=true`: everything is checked as if it were meant, nothing is changed. */
import { Type } from 'typebox';
import { strict } from './schema-words.js';

export const dryRunMember = {
  dryRun: Type.Optional(
    Type.Boolean({
      default: false,
      description: 'true: check all, change nothing, and answer 200 with what would be',
    }),
  ),
};

export const DryRunQuery = Type.Object(dryRunMember, strict);
