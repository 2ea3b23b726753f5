/** docs/errors.md says what every code means, and what to do about it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { REMEDIES } from '../../daemon/error-remedies.js';
import { ERRORS } from '../../daemon/errors.js';
import { errorsPage, withTables } from './error-table.js';

const test = suite('docs/errors.md');

test('its tables are the lists of codes, whole', () => {
  assert.is(errorsPage(), withTables(errorsPage()), 'npm run build:config writes them');
  for (const code of Object.keys(ERRORS)) assert.ok(errorsPage().includes(`| \`${code}\` |`), code);
});

test('every code says what to do, in a sentence', () => {
  assert.equal(Object.keys(REMEDIES).sort(), Object.keys(ERRORS).sort());
  for (const [code, remedy] of Object.entries(REMEDIES)) assert.match(remedy, /^[A-Z`].{10,}[^.]$/, code);
});

test.run();
