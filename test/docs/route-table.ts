/**
 * What is made of the OpenAPI document: the tables of docs/rest.md. `npm run build:config` writes them, a test says when
 * that was forgotten.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { App } from '../../daemon/app.js';
import { call, makeFolders, startApp, tearDown } from '../daemon/fixture.js';

const REST_PAGE = fileURLToPath(new URL('../../../docs/rest.md', import.meta.url));
const BEGIN = '<!-- routes: written by npm run build:config -->';
const END = '<!-- end of routes -->';
/** What is told once for all, above the tables. */
const OF_MANY = ['limit', 'cursor'];

interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
}

interface Document {
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export async function readDocument(app: App): Promise<Document> {
  return (await call(app, 'GET', '/v1/openapi.json')).body;
}

function row(
  method: string,
  path: string,
  { summary, description = '', parameters = [] }: Operation,
): string {
  const [, role = 'anyone'] = /Least role: (\w+)\./.exec(description) ?? [];
  const queries = parameters
    .filter((parameter) => parameter.in === 'query' && !OF_MANY.includes(parameter.name))
    .map(({ name }) => `\`${name}\``);
  return `| \`${method.toUpperCase()} ${path}\` | ${summary} | ${role} | ${queries.join(' ')} |`;
}

export function withRoutes(page: string, { tags, paths }: Document): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  const tables = tags.flatMap(({ name, description }) => [
    ...[
      `**${name}**: ${description}`,
      '',
      '| route | what | least role | queries |',
      '| --- | --- | --- | --- |',
    ],
    ...operations
      .filter(({ operation }) => operation.tags.includes(name))
      .map(({ method, path, operation }) => row(method, path, operation)),
    '',
  ]);
  const [before = ''] = page.split(BEGIN);
  const [, after = ''] = page.split(END);
  return `${before}${BEGIN}\n\n${tables.join('\n')}\n${END}${after}`;
}

export function restPage(): string {
  return readFileSync(REST_PAGE, 'utf8');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folders = await makeFolders();
  const app = await startApp(folders);
  try {
    writeFileSync(REST_PAGE, withRoutes(restPage(), await readDocument(app)));
  } finally {
    await tearDown(folders, app);
  }
}
