/**
 * The walls between the parts (ARCHITECTURE.md, "Boundaries"), checked on the import lines of the source.
 * A rule names the files it binds and what they may import; whatever it does not name, it does not bind.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Import {
  readonly file: string;
  /** Path from the root for our own files (with `.ts`), the package name for others. */
  readonly target: string;
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((name) => name.endsWith('.ts') && !name.startsWith('vmm/cpu/assembly/'));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:^|\s)(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
    (match) => match[1] ?? '',
  );
  return specifiers.map((specifier) => ({
    file,
    target: specifier.startsWith('.')
      ? normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts')
      : specifier,
  }));
}

const FOLDERS = ['daemon', 'vmm', 'native'];
const IMPORTS = FOLDERS.flatMap(sources).flatMap(importsOf);

function violations(from: RegExp, allowed: (target: string, file: string) => boolean): string[] {
  return IMPORTS.filter(({ file }) => from.test(file))
    .filter(({ target, file }) => !allowed(target, file))
    .map(({ file, target }) => `${file} imports ${target}`);
}

const isOurs = (target: string) =>
  FOLDERS.concat('test', 'config', 'migrations').some((name) => target.startsWith(`${name}/`));

const test = suite('boundaries');

test('there are imports to look at', () => {
  assert.ok(IMPORTS.length > 20);
});

test('no source file imports test, config or migrations', () => {
  assert.equal(
    violations(/./, (target) => !/^(test|config|migrations)\//.test(target)),
    [],
  );
});

test('daemon knows of vmm only the wire types of QMP', () => {
  assert.equal(
    violations(/^daemon\//, (target) => !target.startsWith('vmm/') || target === 'vmm/qmp/protocol.ts'),
    [],
  );
});

test('vmm knows nothing of daemon', () => {
  assert.equal(
    violations(/^vmm\//, (target) => !target.startsWith('daemon/')),
    [],
  );
});

test('the addon is reached through native/index.ts, and knows nothing of the others', () => {
  assert.equal(
    violations(/^(daemon|vmm)\//, (target) => !target.startsWith('native/') || target === 'native/index.ts'),
    [],
  );
  assert.equal(
    violations(/^native\//, (target) => !isOurs(target) || target.startsWith('native/')),
    [],
  );
});

test('QMP wire types import nothing', () => {
  assert.equal(
    violations(/^vmm\/qmp\/protocol\.ts$/, () => false),
    [],
  );
});

test('the domain of the daemon knows no adapter', () => {
  const adapters =
    /^(fastify|@fastify\/.*|better-sqlite3|execa|ws|pino|native\/.*|vmm\/.*|daemon\/(http|store|instance)\/.*|node:(fs|net|http|child_process).*)$/;
  assert.equal(
    violations(
      /^daemon\/(machine|upgrade|operation|build|event|event-types|event-filter)\.ts$/,
      (target) => !adapters.test(target),
    ),
    [],
  );
});

test('the client takes of the daemon nothing but types', () => {
  const others = violations(/^daemon\/client\//, (target) =>
    /^(daemon\/client\/|baton\/client$|node:|ws$)/.test(target),
  );
  const asTypes = sources('daemon/client').flatMap((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const types = [...text.matchAll(/import type [^;]*? from '([^']+)'/g)].map(
      ([, specifier]) => specifier ?? '',
    );
    return types.map((specifier) => {
      const path = specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier;
      return `${file} imports ${path.replace(/\.js$/, '.ts')}`;
    });
  });
  assert.equal(
    others.filter((violation) => !asTypes.includes(violation)),
    [],
  );
});

test('the command line knows the client, and nothing else of the daemon', () => {
  const allowed = /^daemon\/(cli\/|client\/index\.ts$)/;
  assert.equal(
    violations(/^daemon\/cli\//, (target) => !isOurs(target) || allowed.test(target)),
    [],
  );
});

test('REST and store do not know one another', () => {
  assert.equal(
    violations(/^daemon\/http\//, (target) => !target.startsWith('daemon/store/')),
    [],
  );
  assert.equal(
    violations(/^daemon\/store\//, (target) => !target.startsWith('daemon/http/')),
    [],
  );
});

test('devices know interfaces only: no machine, monitor, codec, log or clock of their own', () => {
  const allowed = /^vmm\/(devices\/|state\/description\.ts|layout\.ts)/;
  assert.equal(
    violations(/^vmm\/devices\//, (target) => !isOurs(target) || allowed.test(target)),
    [],
  );
  assert.equal(
    violations(/^vmm\/devices\//, (target) => isOurs(target) || !target.startsWith('node:')),
    [],
  );
});

test('state knows bytes and declarations, never a device', () => {
  assert.equal(
    violations(/^vmm\/state\//, (target) => target.startsWith('vmm/state/')),
    [],
  );
});

test.run();
