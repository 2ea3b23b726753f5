import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readArguments } from '../../../vmm/hmp/arguments.js';
import type { HmpArgument } from '../../../vmm/hmp/command.js';
import { splitWords } from '../../../vmm/hmp/words.js';

const test = suite('human monitor, arguments');

const ARGS: readonly HmpArgument[] = [
  { kind: 'flag', letter: 'd', name: 'detach' },
  { kind: 'string', name: 'uri' },
];
const PAIR: readonly HmpArgument[] = [
  { kind: 'string', name: 'name' },
  { kind: 'rest', name: 'value' },
];

const MIGRATE = { names: ['migrate'], args: ARGS };
const SET = { names: ['set'], args: PAIR };

test('flags come before words, in any number of blanks', () => {
  const values = readArguments('migrate', MIGRATE, '  -d   unix:/x ');
  assert.is(values.isSet('detach'), true);
  assert.is(values.text('uri'), 'unix:/x');
  assert.is(readArguments('migrate', MIGRATE, 'u').isSet('detach'), false);
});

test('a text in quotes is one word, with escapes', () => {
  assert.is(readArguments('migrate', MIGRATE, '"exec:cat > \\"a b\\""').text('uri'), 'exec:cat > "a b"');
});

test('the rest of the line is one value', () => {
  const values = readArguments('set', SET, 'cpr-exec-command  qemu -S  "a b"');
  assert.is(values.text('value'), 'qemu -S  "a b"');
});

for (const [text, words] of [
  ['-x u', 'migrate: unsupported option -x'],
  ['', 'migrate: string expected'],
  ['-d', 'migrate: string expected'],
  ['a b', 'migrate: extraneous characters at the end of line'],
] as const) {
  test(`'${text}' is refused in the real monitor's words`, () => {
    const expected = `${words}\nTry "help migrate" for more information`;
    assert.throws(
      () => readArguments('migrate', MIGRATE, text),
      (error: Error) => error.message === expected,
    );
  });
}

test('words are split as a shell splits them', () => {
  assert.equal(splitWords(`a "b c" 'd "e' f\\ g "" h"i"j`), ['a', 'b c', 'd "e', 'f g', '', 'hij']);
  assert.equal(splitWords('  '), []);
  assert.throws(() => splitWords('a "b'), /quote " is not closed/);
});

test.run();
