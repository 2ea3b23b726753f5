import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CarriedDescriptors } from '../../../vmm/carried.js';
import { openChardev } from '../../../vmm/chardev/open.js';
import { parseOptions } from '../../../vmm/options/options.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor, within } from '../../helpers/wait.js';

const test = suite<{ dir: TempDir }>('file, null and stdio chardevs');

test.before.each(async (context) => {
  context.dir = await tempDir();
});
test.after.each(({ dir }) => dir.remove());

function open(text: string) {
  const [options] = parseOptions(['-kernel', 'k', '-chardev', text]).chardevs;
  if (options === undefined) throw new Error('no chardev parsed');
  return openChardev(options, { backlogBytes: 0, awaitsGuest: false, received: new CarriedDescriptors([]) });
}

test('a file is written anew, or appended to', async ({ dir }) => {
  const path = join(dir.path, 'out');
  writeFileSync(path, 'old');
  for (const [properties, expected] of [
    ['', 'x'],
    [',append=on', 'xx'],
  ]) {
    const chardev = await open(`file,id=f,path=${path}${properties}`);
    assert.is(chardev.isOpen, true);
    assert.is(chardev.write(Buffer.from('x')), true);
    await chardev.close();
    assert.is(readFileSync(path, 'utf8'), expected);
  }
});

test('null takes everything; its log keeps it', async ({ dir }) => {
  const log = join(dir.path, 'log');
  const chardev = await open(`null,id=n,logfile=${log}`);
  assert.is(chardev.write(Buffer.from('text')), true);
  await chardev.close();
  assert.is(readFileSync(log, 'utf8'), 'text');
});

test('a file or log that cannot be opened is an error that names the chardev', async ({ dir }) => {
  const missing = join(dir.path, 'no', 'where');
  for (const text of [`file,id=bad,path=${missing}`, `null,id=bad,logfile=${missing}`]) {
    try {
      await open(text);
      assert.unreachable();
    } catch (error) {
      assert.match((error as Error).message, /^chardev 'bad': ENOENT/);
    }
  }
});

test('stdio echoes through pipes, in a worker thread too', async ({ dir }) => {
  const script = join(dir.path, 'echo.mjs');
  const module = new URL('../../../vmm/chardev/open.js', import.meta.url).href;
  const carried = new URL('../../../vmm/carried.js', import.meta.url).href;
  writeFileSync(
    script,
    `import { isMainThread, Worker } from 'node:worker_threads';
     import { openChardev } from '${module}';
     import { CarriedDescriptors } from '${carried}';
     if (isMainThread && process.argv[2] === 'worker') new Worker(new URL(import.meta.url));
     else {
       const options = { id: 's', backend: 'stdio', signal: true, logfile: null, logAppend: false };
       const received = new CarriedDescriptors([]);
       const chardev = await openChardev(options, { backlogBytes: 0, awaitsGuest: false, received });
       chardev.onReadable = () => {
         const bytes = chardev.read(2);
         chardev.write(bytes);
         if (bytes.includes(33)) chardev.close();
       };
       chardev.setReading(true);
     }`,
  );
  for (const thread of ['main', 'worker']) {
    const child = spawn(process.execPath, [script, thread], { stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (bytes) => {
      output += bytes;
    });
    const exited = new Promise((resolve) => child.once('close', resolve));
    child.stdin.write('one ');
    await waitFor(() => output === 'one ', { what: `the echo of the ${thread} thread` });
    child.stdin.write('two!');
    assert.is(await within(exited, 5000, 'the process to end'), 0);
    assert.is(output, 'one two!');
  }
});

test.run();
