/** The types that a program of somebody else gets with the client. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

interface Context {
  folder: TempDir;
}

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const DEADLINE_MS = 60_000;
const test = suite<Context>('types of baton/client');

test.before.each(async (context) => {
  context.folder = await tempDir();
  const modules = `${context.folder.path}/node_modules`;
  mkdirSync(modules);
  symlinkSync(ROOT, `${modules}/baton`);
  writeFileSync(`${context.folder.path}/package.json`, '{"type":"module"}');
});

test.after.each(({ folder }) => folder.remove());

/** What the compiler complains of. */
async function compile({ folder }: Context, text: string): Promise<string> {
  writeFileSync(`${folder.path}/program.ts`, text);
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', 'node'];
  const roots = ['--typeRoots', `${ROOT}node_modules/@types`];
  const { stdout } = await execa(`${ROOT}node_modules/.bin/tsc`, [...options, ...roots, 'program.ts'], {
    cwd: folder.path,
    reject: false,
    timeout: DEADLINE_MS,
  });
  return stdout;
}

test('what the documents have can be used by name', async (context) => {
  const complaints = await compile(
    context,
    `import { BatonClient, ProblemError } from 'baton/client';
     const client = new BatonClient({ host: 'unix:/run/baton/batond.sock' });
     const { id } = await client.machines.upgrade('web1', { mode: 'auto' });
     const { state } = await client.operations.ended(id, { deadlineMs: 60_000 });
     const words: 'running' | 'succeeded' | 'failed' | 'cancelled' = state;
     for await (const { seq } of client.events.follow({ after: 0 })) { const n: number = seq; void n; }
     export { words, ProblemError };`,
  );
  assert.is(complaints, '');
});

test('what they do not have is refused', async (context) => {
  const complaints = await compile(
    context,
    `import { BatonClient } from 'baton/client';
     await new BatonClient().machines.upgrade('web1', { mode: 'magic' });
     const { colour } = await new BatonClient().machines.get('web1');
     export { colour };`,
  );
  assert.match(complaints, /program\.ts\(2,\d+\): .*"magic"/);
  assert.match(complaints, /program\.ts\(3,\d+\): .*'colour'/);
});

test.run();
