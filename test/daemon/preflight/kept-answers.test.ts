import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { stampOf } from '../../../daemon/instance/content-hash.js';
import { KeptAnswers, ofBuild } from '../../../daemon/preflight/kept-answers.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

const test = suite<{ dir: TempDir; folder: string }>('kept answers');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.folder = `${context.dir.path}/answers`;
});

test.after.each(({ dir }) => dir.remove());

function numberIn(answer: string): number {
  if (!/^\d+$/.test(answer)) throw new Error(`expected a number, got ${answer}`);
  return Number(answer);
}

/** What a new daemon is told; `said` is what it would be told if it asked. */
function recalled(folder: string, question: string, said: string, capacity = 10): Promise<number> {
  return new KeptAnswers(folder, capacity).recall([question], async () => said, numberIn);
}

test('an answer outlives the daemon that asked', async ({ folder }) => {
  assert.is(await recalled(folder, 'a', '1'), 1);
  assert.is(await recalled(folder, 'a', '2'), 1);
  assert.is(await recalled(folder, 'b', '3'), 3);
  assert.is(statSync(folder).mode & 0o777, 0o700);
});

test('what failed, and what is no answer, is not kept', async ({ folder }) => {
  const { recall } = new KeptAnswers(folder);
  const failed = recall(['a'], () => Promise.reject(new Error('no')), numberIn);
  assert.is(await failed.catch((error) => error.message), 'no');
  const wrong = recall(['a'], async () => 'x', numberIn);
  assert.is(await wrong.catch((error) => error.message), 'expected a number, got x');
  assert.is(await recalled(folder, 'a', '1'), 1);
});

test('whatever lies where an answer should: it is asked for anew, and kept again', async ({ folder }) => {
  await recalled(folder, 'a', '1');
  const file = `${folder}/${readdirSync(folder)[0]}`;
  const whole = readFileSync(file);
  const garbage = [
    Buffer.alloc(0),
    Buffer.from('no archive'),
    whole.subarray(0, whole.length - 1),
    Buffer.from(whole.map((byte, index) => (index === whole.length - 6 ? byte ^ 1 : byte))),
    gzipSync('x'),
    gzipSync(Buffer.alloc(65 * 1024 * 1024, '1')),
  ];
  for (const [index, bytes] of garbage.entries()) {
    writeFileSync(file, bytes);
    assert.is(await recalled(folder, 'a', String(index + 2)), index + 2, `garbage ${index}`);
    assert.is(await recalled(folder, 'a', '0'), index + 2, `after garbage ${index}`);
  }
  truncateSync(file, 3 * 1024 * 1024);
  assert.is(await recalled(folder, 'a', '9'), 9);
});

test('a folder where an answer should be, or none where they should: the answer is there all the same', async ({
  dir,
  folder,
}) => {
  await recalled(folder, 'a', '1');
  const [name] = readdirSync(folder);
  mkdirSync(`${dir.path}/other/${name}`, { recursive: true });
  assert.is(await recalled(`${dir.path}/other`, 'a', '2'), 2);
  assert.equal(readdirSync(`${dir.path}/other`), [name], 'nothing unfinished');
  writeFileSync(`${dir.path}/file`, '');
  assert.is(await recalled(`${dir.path}/file`, 'a', '3'), 3);
});

test('those longest unused go first, and what was never finished with them', async ({ folder }) => {
  const age = (name: string, seconds: number) => utimesSync(`${folder}/${name}`, seconds, seconds);
  await recalled(folder, 'a', '1');
  const [a = ''] = readdirSync(folder);
  await recalled(folder, 'b', '2');
  const b = readdirSync(folder).find((name) => name !== a) ?? '';
  writeFileSync(`${folder}/${b}.unfinished`, '');
  age(a, 1);
  age(b, 2);
  age(`${b}.unfinished`, 3);
  await recalled(folder, 'a', '0');
  await recalled(folder, 'c', '3', 2);
  assert.is(readdirSync(folder).length, 2);
  assert.equal([await recalled(folder, 'a', '0'), await recalled(folder, 'b', '4')], [1, 4]);
});

test('an answer is of the content that was asked, and none when that changed meanwhile', async ({
  dir,
  folder,
}) => {
  const path = `${dir.path}/vmm`;
  writeFileSync(path, 'one');
  const { recall } = new KeptAnswers(folder);
  const build = async (contentHash: string) => {
    const files = [path];
    return { path, contentHash, files, fileStamp: await stampOf(files) };
  };
  const one = await build('h1');
  assert.is(await ofBuild(recall, one)(['q'], async () => '1', numberIn), 1);
  writeFileSync(path, 'another');
  const two = await build('h2');
  assert.is(await ofBuild(recall, two)(['q'], async () => '2', numberIn), 2);
  const replacing = async () => {
    writeFileSync(path, 'a third');
    return '3';
  };
  const changed = ofBuild(recall, two)(['r'], replacing, numberIn);
  assert.match(await changed.catch((error) => error.message), /changed while it was asked/);
  assert.is(await ofBuild(recall, one)(['q'], async () => '0', numberIn), 1);
});

test.run();
