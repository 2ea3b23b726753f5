/** The OpenAPI document: that it is one, that it is complete, and that it can be browsed. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { ERRORS } from '../../../daemon/errors.js';
import { ROUTES } from '../../../daemon/http/route-names.js';
import { call, type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly { name: string; in: string; description?: string; schema: object }[];
  readonly requestBody?: { content: Record<string, { schema: { $ref?: string }; example?: unknown }> };
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}

interface Context {
  folders: Folders;
  app: App;
  // biome-ignore lint/suspicious/noExplicitAny: a document that is looked into here and there
  document: any;
  operations: readonly { readonly name: string; readonly operation: Operation }[];
}

const test = suite<Context>('OpenAPI document');

test.before(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
  context.document = (await call(context.app, 'GET', '/v1/openapi.json')).body;
  const paths = Object.entries<Record<string, Operation>>(context.document.paths);
  context.operations = paths.flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  );
});

test.after(({ folders, app }) => tearDown(folders, app));

test('it keeps the rules of OpenAPI 3.1', async ({ document }) => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert.is(valid, true, JSON.stringify(errors));
  assert.is(document.openapi, '3.1.0');
});

test('every reference leads to a component', ({ document }) => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
  assert.ok(references.length > 50);
  for (const [, name = ''] of references) assert.ok(name in document.components.schemas, name);
});

test('every route has a name of its own, a tag that is described, and says who may', (context) => {
  const tags = context.document.tags.map(({ name }: { name: string }) => name);
  const ids = context.operations.map(({ operation }) => operation.operationId);
  assert.is(new Set(ids).size, ids.length);
  for (const { name, operation } of context.operations) {
    assert.match(operation.operationId, /^[a-z]+[A-Z][A-Za-z]*$/, name);
    assert.is(operation.tags.length, 1, name);
    assert.ok(tags.includes(operation.tags[0]), name);
    assert.match(operation.description, /(Least role: (viewer|operator|admin)\.|Anyone may\.)$/, name);
    assert.ok(operation.summary.length > 0, name);
  }
});

test('names that were given stay', ({ operations }) => {
  for (const { name, operation } of operations) {
    const [method = '', path = ''] = name.split(' ');
    const route = `${method.toUpperCase()} ${path.replace(/\{([^}]+)\}/g, ':$1')}`;
    assert.is(ROUTES[route]?.id, operation.operationId, `${route} is to be named in route-names.ts`);
  }
});

test('every parameter, answer and member is described', ({ document, operations }) => {
  const undescribed: string[] = [];
  for (const { name, operation } of operations) {
    for (const parameter of operation.parameters ?? []) {
      if (!parameter.description) undescribed.push(`${name} ${parameter.in} ${parameter.name}`);
    }
    for (const [status, { description }] of Object.entries(operation.responses)) {
      if (!description || description === 'Default Response') undescribed.push(`${name} ${status}`);
    }
  }
  for (const [name, schema] of Object.entries<object>(document.components.schemas)) walk(schema, name);
  assert.equal(undescribed, []);

  function walk(schema: { properties?: Record<string, object>; items?: object }, path: string): void {
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      const { description, type, $ref } = member as { description?: string; type?: string; $ref?: string };
      if (!description && type !== 'array' && !$ref) undescribed.push(`${path}.${name}`);
      walk(member, `${path}.${name}`);
    }
    if (schema.items !== undefined) walk(schema.items, `${path}[]`);
  }
});

test('every route says with which problems it answers, and that they are problems', ({ operations }) => {
  for (const { name, operation } of operations) {
    const { '4XX': refused } = operation.responses;
    assert.ok(refused !== undefined, name);
    const schema = refused.content?.['application/problem+json']?.schema;
    assert.equal(schema, { $ref: '#/components/schemas/Problem' }, name);
    for (const [, code = ''] of refused.description.matchAll(/`(\w+)`/g)) assert.ok(code in ERRORS, code);
    assert.match(refused.description, /`invalid_request` \(400\)/, name);
  }
});

test('its examples are good input', ({ document, operations }) => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ ...document, $id: 'document' });
  const examples = operations.flatMap(({ operation }) => Object.values(operation.requestBody?.content ?? {}));
  const given = examples.filter(({ example }) => example !== undefined);
  assert.ok(given.length >= 3);
  for (const { schema, example } of given) {
    const validate = ajv.compile({ $ref: `document${schema.$ref}` });
    assert.ok(validate(example), `${schema.$ref}: ${ajv.errorsText(validate.errors)}`);
  }
});

test('it knows the ways in which a client proves who it is', ({ document }) => {
  const { bearer, certificate } = document.components.securitySchemes;
  assert.equal([bearer.type, bearer.scheme, certificate.type], ['http', 'bearer', 'mutualTLS']);
  assert.ok(document.servers.length > 0);
});

test('the page that shows it loads from the daemon alone, and may do nothing else', async ({ app }) => {
  const { server } = app;
  for (const url of ['/docs', '/docs/']) {
    const page = await server.inject(url);
    assert.is(page.statusCode, 200);
    const policy = String(page.headers['content-security-policy']);
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.not.match(policy, /unsafe|https?:|\*/);
    assert.is(page.headers['x-content-type-options'], 'nosniff');
    const sources = [...page.body.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, source = '']) => source);
    assert.ok(sources.length >= 5);
    for (const source of sources) {
      const loaded = await server.inject(new URL(source, `http://baton${url}`).pathname);
      assert.is(loaded.statusCode, 200, source);
      assert.ok(loaded.headers['content-security-policy'], source);
    }
    assert.not.match(page.body, /<script(?![^>]*src=)[^>]*>\s*\S/);
    assert.not.match(page.body, /<style|\son\w+=|https?:\/\//);
  }
});

test('what the page loads evaluates no text and fetches from nowhere else', async ({ app }) => {
  const { body } = await app.server.inject('/docs/static/swagger-initializer.js');
  assert.match(body, /validatorUrl: null/);
  assert.not.match(body, /https?:\/\/(?!stackoverflow)/);
  assert.equal(
    (await call(app, 'GET', '/docs/json')).body,
    (await call(app, 'GET', '/v1/openapi.json')).body,
  );
  assert.is((await call(app, 'GET', '/docs/static/none.js')).status, 404);
  assert.is((await call(app, 'POST', '/docs')).status, 405);
  assert.is((await call(app, 'GET', '/docs/static/..%2f..%2fpackage.json')).status, 404);
});

test.run();
