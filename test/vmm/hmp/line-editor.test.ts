import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LineEditor } from '../../../vmm/hmp/line-editor.js';

const test = suite('human monitor, line editor');

const UP = '\x1b[A';
const DOWN = '\x1b[B';
const LEFT = '\x1b[D';
const RIGHT = '\x1b[C';

function edit(typed: string, known: readonly string[] = []) {
  const lines: string[] = [];
  let output = '';
  const editor = new LineEditor({
    output: (text) => {
      output += text;
    },
    line: (line) => lines.push(line),
    complete: (text) => known.filter((word) => word.startsWith(text)),
  });
  editor.feed(typed);
  return { lines, output };
}

/** What a terminal shows after `output`: characters, cursor left, erase to the end of the line. */
function shown(output: string): string {
  let line = '';
  let at = 0;
  for (let rest = output; rest !== ''; ) {
    const token = rest.startsWith('\x1b') ? rest.slice(0, 3) : rest.slice(0, 1);
    rest = rest.slice(token.length);
    if (token === LEFT) at -= 1;
    else if (token === '\x1b[K') line = line.slice(0, at);
    else {
      line = line.slice(0, at) + token + line.slice(at + 1);
      at += 1;
    }
  }
  return line;
}

test('echoes byte for byte as the real monitor does', () => {
  const { output, lines } = edit('sto\r');
  assert.is(output, 's\x1b[K\x1b[Dst\x1b[K\x1b[D\x1b[Dsto\x1b[K\r\n');
  assert.equal(lines, ['sto']);
});

for (const [what, typed, line] of [
  ['backspace removes before the cursor', 'inx\x7ffo\n', 'info'],
  ['ctrl-H does too', 'inx\bfo\n', 'info'],
  ['text goes in where the cursor is', `fo${LEFT}${LEFT}in\n`, 'info'],
  ['the cursor stops at both ends', `b${LEFT}${LEFT}a${RIGHT}${RIGHT}c\n`, 'abc'],
  ['ctrl-A and ctrl-E go to the ends', 'b\x01a\x05c\n', 'abc'],
  ['home and end keys as well', 'b\x1b[1~a\x1b[4~c\n', 'abc'],
  ['ctrl-U removes all before the cursor', 'wrong\x15right\n', 'right'],
  ['ctrl-K removes all behind it', `ab${LEFT}\x0b\n`, 'a'],
  ['ctrl-W removes a word', 'info staus\x17status\n', 'info status'],
  ['delete removes at the cursor', `axb${LEFT}${LEFT}\x1b[3~\n`, 'ab'],
  ['other control characters and sequences are nothing', 'a\x00\x07\x1b[99zb\x1bOc\n', 'abc'],
] as const) {
  test(what, () => assert.equal(edit(typed).lines, [line]));
}

test('what is drawn is what the line is', () => {
  const { output } = edit(`inf status${LEFT.repeat(7)}o\x7fo`);
  assert.is(shown(output), 'info status');
});

test('up and down bring earlier lines back, and the empty one at last', () => {
  assert.equal(edit(`one\ntwo\n${UP}\n`).lines.at(-1), 'two');
  assert.equal(edit(`one\ntwo\n${UP}${UP}\n`).lines.at(-1), 'one');
  assert.equal(edit(`one\ntwo\n${UP}${UP}${UP}\n`).lines.at(-1), 'one');
  assert.equal(edit(`one\ntwo\n${UP}${DOWN}\n`).lines.at(-1), '');
});

test('tab completes what is certain and lists what is not', () => {
  const known = ['migrate', 'migrate_cancel', 'stop'];
  assert.equal(edit('st\t\n', known).lines, ['stop ']);
  const { lines, output } = edit('mi\t\t\n', known);
  assert.equal(lines, ['migrate']);
  assert.match(output, /migrate migrate_cancel\r\n\(qemu\) /);
});

test('a line without end is bounded', () => {
  const { lines } = edit(`${'x'.repeat(10_000)}\n`);
  assert.is(lines[0]?.length, 4095);
});

test.run();
