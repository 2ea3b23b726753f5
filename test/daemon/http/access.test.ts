/** Every route says who may use it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const test = suite<Context>('rights of routes');

test.before(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders, { ownBuild: null });
});

test.after(({ folders, app }) => tearDown(folders, app));

const ADMIN = ['POST /v1/builds', 'DELETE /v1/builds/:id', 'POST /v1/machines/adopt'];

test('what only reads asks for a viewer, what does not for an operator, what names programs for an admin', ({
  app,
}) => {
  assert.ok(app.server.routeRights.length > 40);
  for (const { method, url, role } of app.server.routeRights) {
    const least = ['GET', 'HEAD'].includes(method) ? 'viewer' : 'operator';
    assert.is(role, ADMIN.includes(`${method} ${url}`) ? 'admin' : least, `${method} ${url}`);
  }
});

test.run();
