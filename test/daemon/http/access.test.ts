/** Every route says who may use it, and nothing that somebody else sends to it is read. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROLES, type Role } from '../../../daemon/access/principal.js';
import type { App } from '../../../daemon/app.js';
import { call, type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
  tokens: Record<Role, string>;
}

const test = suite<Context>('rights of routes');

test.before(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders, { ownBuild: null });
  const tokens = await Promise.all(
    ROLES.map(async (role) => {
      const { body } = await call(context.app, 'POST', '/v1/tokens', { name: role, role });
      return [role, body.token];
    }),
  );
  context.tokens = Object.fromEntries(tokens);
});

test.after(({ folders, app }) => tearDown(folders, app));

const ADMIN = [
  'POST /v1/builds',
  'DELETE /v1/builds/:id',
  'POST /v1/machines/adopt',
  'GET /v1/tokens',
  'HEAD /v1/tokens',
  'POST /v1/tokens',
  'GET /v1/tokens/:id',
  'HEAD /v1/tokens/:id',
  'DELETE /v1/tokens/:id',
  'GET /v1/audit',
  'HEAD /v1/audit',
  'GET /v1/audit/verify',
  'HEAD /v1/audit/verify',
];
/** What watches the daemon, and what describes it: neither tells of machines. */
const FOR_ANYONE = /^\/(healthz|readyz|docs(\/.*)?|v1\/openapi\.json)$/;
/** Would be 413, 415 or 400 if anybody looked at it. */
const GARBAGE = Buffer.alloc(1024 * 1024, '{"a":[');

function garbageTo({ server }: App, { method, url }: { method: string; url: string }, token: string) {
  return server.inject({
    method: method as 'POST',
    url: url.replaceAll(/:[a-z]+/g, 'none'),
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(['GET', 'HEAD'].includes(method) ? {} : { payload: GARBAGE }),
  });
}

test('what only reads asks for a viewer, what does not for an operator, what is as good as root for an admin', ({
  app,
}) => {
  assert.ok(app.server.routeRights.length > 40);
  for (const { method, url, role } of app.server.routeRights) {
    const reader = FOR_ANYONE.test(url) ? 'anyone' : 'viewer';
    const least = ['GET', 'HEAD'].includes(method) ? reader : 'operator';
    assert.is(role, ADMIN.includes(`${method} ${url}`) ? 'admin' : least, `${method} ${url}`);
  }
});

test('a viewer is refused all that is not for viewers, before a body is looked at', async ({
  app,
  tokens,
}) => {
  const refused = app.server.routeRights.filter(({ role }) => role !== 'viewer' && role !== 'anyone');
  assert.ok(refused.length > 20);
  for (const route of refused) {
    const { statusCode } = await garbageTo(app, route, tokens.viewer);
    assert.is(statusCode, 403, `${route.method} ${route.url}`);
  }
});

test('an operator is refused all that is for admins; an admin is not', async ({ app, tokens }) => {
  for (const route of app.server.routeRights.filter(({ role }) => role === 'admin')) {
    assert.is((await garbageTo(app, route, tokens.operator)).statusCode, 403, `${route.method} ${route.url}`);
    const { statusCode } = await garbageTo(app, route, tokens.admin);
    assert.not.ok([401, 403].includes(statusCode), `${route.method} ${route.url} ${statusCode}`);
  }
});

test('whoever is not known is refused everything, what is not there included', async ({ app }) => {
  const strangers = [
    ...app.server.routeRights.filter(({ role }) => role !== 'anyone'),
    { method: 'GET', url: '/none' },
    { method: 'POST', url: '/v1/none' },
  ];
  for (const route of strangers) {
    assert.is((await garbageTo(app, route, 'stranger')).statusCode, 401, `${route.method} ${route.url}`);
  }
});

test('a viewer may look at a console, and may not type into it', async ({ app, tokens }) => {
  const ask = (query: string, token: string) =>
    app.server.inject({
      url: `/v1/machines/none/console${query}`,
      headers: { authorization: `Bearer ${token}` },
    });
  assert.is((await ask('', tokens.viewer)).statusCode, 403);
  assert.is((await ask('?readonly', tokens.viewer)).statusCode, 404);
  assert.is((await ask('', tokens.operator)).statusCode, 404);
});

test.run();
