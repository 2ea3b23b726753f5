import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const DIST_TEST = fileURLToPath(new URL('.', import.meta.url));

/** Runs the real runner, copied beside one test file made of `body`, as a stranger would. */
function runOne(body: string): { status: number | null; lastLine: string } {
  const directory = mkdtempSync(join(DIST_TEST, 'runner-'));
  try {
    writeFileSync(join(directory, 'run.js'), readFileSync(join(DIST_TEST, 'run.js')));
    writeFileSync(
      join(directory, 'subject.test.js'),
      `import { suite } from 'uvu';\nconst test = suite('subject');\n${body}`,
    );
    const { status, stdout } = spawnSync(process.execPath, [join(directory, 'run.js')], { encoding: 'utf8' });
    return { status, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '' };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const test = suite('test runner');

test('a passing test: exit 0 and the totals on the last line', () => {
  assert.equal(runOne(`test('a', () => {}); test.run();`), {
    status: 0,
    lastLine: '1 passed, 0 failed, 0 skipped',
  });
});

for (const [what, body] of [
  ['a failing test', `test('a', () => { throw new Error('no'); }); test.run();`],
  [
    'a before hook that throws',
    `test.before(() => { throw new Error('no'); }); test('a', () => {}); test.run();`,
  ],
  [
    'an after.each hook that throws',
    `test.after.each(() => { throw new Error('no'); }); test('a', () => {}); test.run();`,
  ],
  ['a forgotten run()', `test('a', () => {});`],
  ['a file that throws', `throw new Error('no');`],
] as const) {
  test(`${what}: exit 1`, () => {
    assert.is(runOne(body).status, 1);
  });
}

test('a suite that says why it cannot run: counted as skipped', () => {
  assert.equal(runOne(`console.log('SKIP subject: nothing here');`), {
    status: 0,
    lastLine: '0 passed, 0 failed, 1 skipped',
  });
});

test.run();
