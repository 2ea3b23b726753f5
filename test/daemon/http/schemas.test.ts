/** Schemas are compiled when their routes are used. Here all of them are, whatever uses them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildValidator } from '../../../daemon/http/validation.js';
import { call, makeFolders, startApp, tearDown } from '../fixture.js';

type Validate = (data: unknown) => unknown;
type Compile = (route: object) => Validate;

const test = suite('schemas of the interface');

/** Every schema in the document, wherever it stands. */
function schemasIn(node: unknown): object[] {
  if (typeof node !== 'object' || node === null) return [];
  const { schema } = node as { schema?: object };
  return [...(schema === undefined ? [] : [schema]), ...Object.values(node).flatMap(schemasIn)];
}

/** With what the document names put in its place. */
function inFull(node: unknown, components: Readonly<Record<string, unknown>>): unknown {
  if (typeof node !== 'object' || node === null) return node;
  const { $ref } = node as { $ref?: string };
  if ($ref !== undefined) return inFull(components[$ref.replace('#/components/schemas/', '')], components);
  if (Array.isArray(node)) return node.map((part) => inFull(part, components));
  return Object.fromEntries(Object.entries(node).map(([name, part]) => [name, inFull(part, components)]));
}

test('each is one that can be compiled', async () => {
  const folders = await makeFolders();
  const app = await startApp(folders, { ownBuild: null });
  try {
    const { body } = await call(app, 'GET', '/v1/openapi.json');
    const schemas = schemasIn(inFull(body.paths, body.components.schemas));
    assert.ok(schemas.length > 50, `${schemas.length}`);
    const compile = buildValidator({}, {} as never) as unknown as Compile;
    for (const value of schemas) {
      /* A default is nothing at the root. */
      const schema = { type: 'object', properties: { value } };
      assert.not.throws(
        () => compile({ schema, httpPart: 'body' })({}),
        JSON.stringify(schema).slice(0, 200),
      );
    }
  } finally {
    await tearDown(folders, app);
  }
});

test.run();
