/** No command of the documentation is run by nobody. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeAll, leaves } from '../../daemon/cli/model/describe.js';
import { blocksOf, commandsOf, fencesOf, OTHER_FENCES, pages, ROOT, readPage } from './page.js';
import { missingLine } from './shape.js';

/** Page by page, who runs its blocks. */
const RUN_BY: Readonly<Record<string, string>> = {
  'README.md': 'readme',
  'docs/baton-vmm.md': 'programs',
  'docs/cli.md': 'cli',
  'docs/development.md': 'programs',
  'docs/events.md': 'interface',
  'docs/guide.md': 'guide',
  'docs/install.md': 'install',
  'docs/rest.md': 'interface',
  'docs/security.md': 'interface',
};

const test = suite('documentation');

test('every page with commands has a test that runs them', () => {
  for (const page of pages()) {
    if (blocksOf(page).length === 0) continue;
    const name = RUN_BY[page];
    assert.ok(name !== undefined, `${page} has commands, and no test`);
    const source = readFileSync(`${ROOT}test/docs/${name}.test.ts`, 'utf8');
    assert.ok(source.includes(`'${page}'`), `test/docs/${name}.test.ts does not run ${page}`);
  }
});

test('every fence is a command that is run, or something that is no command', () => {
  for (const page of pages()) {
    for (const { line, words } of fencesOf(readPage(page))) {
      const [kind = ''] = words;
      assert.ok(kind === 'sh' || Object.hasOwn(OTHER_FENCES, kind), `${page}:${line} ${kind}`);
    }
  }
});

/** As a script or a test in TypeScript writes it. */
function words(text: string): string {
  return ` ${text
    .replaceAll(' --silent', '')
    .replaceAll('npm run test', 'npm test')
    .replaceAll(/[^\w./=$-]+/g, ' ')} `;
}

test('what is run by a script or another test occurs there', () => {
  for (const block of pages().flatMap((page) => blocksOf(page))) {
    if (block.runBy === null) continue;
    const script = words(readFileSync(`${ROOT}${block.runBy}`, 'utf8'));
    for (const command of commandsOf(block)) {
      const isThere = script.includes(words(command));
      assert.ok(isThere, `${block.page}:${block.line}: ${command} is not in ${block.runBy}`);
    }
  }
});

test('commands of baton in the text are commands that it has', async () => {
  const model = await describeAll('0.0.0');
  const known = leaves(model).map(({ path }) => path.join(' '));
  for (const page of pages()) {
    for (const [code, called = ''] of readPage(page)
      .replaceAll(/^```[\s\S]*?^```/gm, '')
      .matchAll(/`baton ([a-z][^`]*)`/g)) {
      const isKnown = known.some(
        (path) => `${called} `.startsWith(`${path} `) || path.startsWith(`${called} `),
      );
      assert.ok(isKnown || called.startsWith('--'), `${page}: ${code}`);
    }
  }
});

test('links between pages lead somewhere', () => {
  for (const page of [...pages(), 'ARCHITECTURE.md']) {
    for (const [link, to = ''] of readPage(page).matchAll(/\]\(([^)#]+)(#[^)]*)?\)/g)) {
      if (/^https?:/.test(to)) continue;
      assert.ok(existsSync(`${ROOT}${normalize(join(dirname(page), to))}`), `${page}: ${link}`);
    }
  }
});

test('what is printed is compared by its shape', () => {
  const printed = 'NAME  GEN  BUILD\nweb1    12  baton-0.2.0-429f036e\nit took 12 ms';
  assert.is(missingLine('NAME GEN BUILD\nweb1  1  baton-0.1.0-0123abcd\n…\n', printed), null);
  assert.is(missingLine('web1  1  baton-0.1.0-0123abcd\n…', printed), 'web1  1  baton-0.1.0-0123abcd');
  assert.is(missingLine('…\nit took 3.5 s', printed), null);
  assert.is(missingLine('…\nit … 3.5 s', printed), null);
  assert.is(missingLine('NAME GEN BUILD', printed), 'nothing more, got: web1    12  baton-0.2.0-429f036e');
  assert.is(missingLine('…\nit took 3.5 h', printed), 'it took 3.5 h');
});

test('a page whose commands are tagged with what nobody knows is refused', () => {
  assert.throws(() => blocksOf('x.md', '```sh skip=yes\nls\n```'), /x\.md:1: there is no tag skip/);
  assert.throws(() => fencesOf('```sh\nls\n'), /expected the fence of line 1 to be closed/);
  assert.equal(commandsOf({ commands: 'a b   # why\n# no\nc \\\n  d\n' }), ['a b', 'c d']);
});

test.run();
