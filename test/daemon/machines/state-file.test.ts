/** What a VMM that was broken out into may put in place of the state that it writes. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StateFile } from '../../../daemon/machines/state-file.js';
import { makeFifo } from '../../../native/index.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { within } from '../../helpers/wait.js';

const test = suite<{ dir: TempDir; file: StateFile }>('the file of a suspended machine');

test.before.each(async (context) => {
  context.dir = await tempDir();
  mkdirSync(`${context.dir.path}/machines/m`, { recursive: true });
  context.file = new StateFile(context.dir.path, 'm');
  await context.file.makeFolder();
});
test.after.each(({ dir }) => dir.remove());

test('what was written is the state when it is kept, and nothing is left when it is removed', async ({
  file,
}) => {
  assert.is(file.bytes, null);
  writeFileSync(file.draft, 'state');
  assert.is(await file.keep(), 5);
  assert.is(file.bytes, 5);
  assert.ok(Math.abs(file.writtenAtMs - Date.now()) < 60_000);
  await file.remove();
  assert.not.ok(existsSync(file.path));
  await file.remove();
});

for (const [what, put] of [
  ['a link', (path: string) => symlinkSync('/proc/version', path)],
  ['a pipe', (path: string) => makeFifo(path)],
] as const) {
  test(`${what} in its place is not waited on, and is no state`, async ({ file }) => {
    put(file.draft);
    const kept = file.keep().then(String, (error: Error) => error.message);
    assert.match(await within(kept, 5_000, 'an answer'), /ELOOP|to be a file/);
    put(file.path);
    assert.is(file.bytes, null);
    assert.throws(() => file.writtenAtMs, /to be a file/);
  });
}

test.run();
