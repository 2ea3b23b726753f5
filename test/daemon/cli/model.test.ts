/** The words of the command line: complete, the same everywhere, and the documents made of them up to date. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TREE } from '../../../daemon/cli/commands/index.js';
import { EXIT_CODES } from '../../../daemon/cli/exit-codes.js';
import { GLOBAL_OPTIONS } from '../../../daemon/cli/global-options.js';
import { completionOf, SHELLS } from '../../../daemon/cli/model/completions.js';
import { describeAll, leaves, type Model } from '../../../daemon/cli/model/describe.js';
import { manual } from '../../../daemon/cli/model/manual.js';
import { markdown } from '../../../daemon/cli/model/markdown.js';
import { calledPath } from '../../../daemon/cli/parser.js';
import { tempDir } from '../../helpers/temp-dir.js';
import { BATON } from './cli-under-test.js';

const DOCS = fileURLToPath(new URL('../../../../docs/cli.md', import.meta.url));

interface Context {
  model: Model;
}

const test = suite<Context>('words of baton');

test.before(async (context) => {
  context.model = await describeAll('1.2.3');
});

test('every command has a summary, sentences, examples that call it, and words for each option', ({
  model,
}) => {
  for (const { path, summary, description, examples, args, options } of leaves(model)) {
    const name = path.join(' ');
    assert.match(summary, /^[A-Z].*[^.]$/, name);
    assert.match(description, /^[A-Z].*\.$/s, name);
    assert.ok(
      examples.some(({ line }) => line.includes(`baton ${name}`)),
      name,
    );
    for (const { line, does } of examples) {
      assert.ok(does.length > 3, line);
    }
    for (const { description: words } of [...args, ...options]) assert.match(words, /^.{3,}[^.]$/, name);
  }
});

test('examples are command lines that are understood', ({ model }) => {
  const known = leaves(model).map(({ path }) => path.join(' '));
  for (const { examples } of leaves(model)) {
    for (const { line } of examples) {
      const [, words = ''] = /baton ((?!\)).*)/.exec(line) ?? [];
      const path = calledPath(words.split(/[ )|>]+/));
      assert.ok(path !== null && known.includes(path.join(' ')), line);
    }
  }
});

test('no command has an option of its own with the name of one that all have', ({ model }) => {
  const globals = [...model.options.map(({ long }) => long), '--help', '--version'];
  for (const { path, options } of leaves(model)) {
    const clash = options.filter(({ long }) => globals.includes(long.replace('--no-', '--')));
    assert.equal(clash, [], path.join(' '));
  }
  assert.is(Object.keys(GLOBAL_OPTIONS).length, model.options.length);
});

test('manual, completions and docs name every command and every option', ({ model }) => {
  const page = manual(model).replaceAll('\\-', '-');
  const texts = [
    page,
    markdown(model),
    ...Object.keys(SHELLS).map((shell) => completionOf(shell as 'bash', model)),
  ];
  for (const { path, options } of leaves(model)) {
    for (const text of texts) assert.ok(text.includes(path.at(-1) as string), path.join(' '));
    assert.ok(page.includes(`baton ${path.join(' ')}`));
    for (const { long } of options) {
      for (const text of texts) assert.ok(text.includes(long.slice(2)), `${path.join(' ')} ${long}`);
    }
  }
  for (const { code, means } of Object.values(EXIT_CODES)) {
    assert.ok(page.includes(`.B ${code}\n${means}`), means);
  }
});

test('docs/cli.md is as the words are: node dist/daemon/cli/write-docs.js', async () => {
  const { version } = JSON.parse(
    readFileSync(fileURLToPath(new URL('../../../../package.json', import.meta.url)), 'utf8'),
  );
  assert.is(readFileSync(DOCS, 'utf8'), markdown(await describeAll(version)));
});

test('help is the same whoever asks, and no line is too long', ({ model }) => {
  for (const { path } of leaves(model).slice(0, 4)) {
    const help = (env: object) =>
      execFileSync(process.execPath, [BATON, ...path, '--help'], {
        encoding: 'utf8',
        env: { ...env, HOME: '/' },
      });
    assert.is(help({ COLUMNS: '200' }), help({ FORCE_COLOR: '1', BATON_HOST: 'unix:/absent' }));
    const options = help({}).split('Examples:')[0]?.split('Options:').slice(1).join('') ?? '';
    for (const line of options.split('\n')) assert.ok(line.length <= 80, line);
  }
});

test('the manual is roff without a complaint', async ({ model }) => {
  if (spawnSync('groff', ['--version']).error !== undefined) return;
  const { stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-P-bcou'], {
    input: manual(model),
    encoding: 'utf8',
  });
  assert.is(stderr, '');
  assert.match(stdout, /baton machine list \[options\]/);
  assert.match(stdout, /EXIT STATUS/);
});

test('completion scripts are what their shells can read, where those are', async ({ model }) => {
  const dir = await tempDir();
  try {
    for (const [shell, check] of [
      ['bash', ['bash', '-n']],
      ['zsh', ['zsh', '-n']],
      ['fish', ['fish', '--no-execute']],
    ] as const) {
      const script = `${dir.path}/${shell}`;
      writeFileSync(script, completionOf(shell, model));
      const { error, status, stderr } = spawnSync(check[0], [check[1], script], { encoding: 'utf8' });
      assert.ok(error !== undefined || status === 0, stderr);
    }
  } finally {
    await dir.remove();
  }
});

test('only the called command is made ready; help makes all of them', () => {
  assert.equal(calledPath(['machine', 'list']), ['machine', 'list']);
  assert.equal(calledPath(['--host', 'machine', 'build', '--json', 'list']), ['build', 'list']);
  assert.equal(calledPath(['query', '/v1']), ['query']);
  for (const argv of [
    [],
    ['machine'],
    ['machine', 'lst'],
    ['machine', 'list', '--help'],
    ['help', 'machine'],
    ['constructor'],
    ['machine', 'toString'],
  ]) {
    assert.is(calledPath(argv), null, argv.join(' '));
  }
  assert.ok(Object.keys(TREE).length > 8);
});

test('the build has written manual and completions, if it was run', () => {
  const dist = fileURLToPath(new URL('../../../', import.meta.url));
  if (!existsSync(`${dist}man`)) return;
  for (const file of [
    'man/baton.1',
    'completions/baton.bash',
    'completions/_baton',
    'completions/baton.fish',
  ]) {
    assert.ok(readFileSync(`${dist}${file}`, 'utf8').length > 1_000, file);
  }
});

test.run();
