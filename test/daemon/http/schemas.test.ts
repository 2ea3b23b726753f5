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

test('each is one that can be compiled', async () => {
  const folders = await makeFolders();
  const app = await startApp(folders, { ownBuild: null });
  try {
    const { body } = await call(app, 'GET', '/v1/openapi.json');
    const schemas = schemasIn(body.paths);
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
