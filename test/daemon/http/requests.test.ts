/** What the interface takes and refuses. No VMM is started. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { ERRORS } from '../../../daemon/errors.js';
import { call, type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const test = suite<Context>('REST requests');

test.before(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

test.after(({ folders, app }) => tearDown(folders, app));

function isProblem(answer: Awaited<ReturnType<typeof call>>, status: number, code: string): void {
  const { body, headers } = answer;
  assert.is(answer.status, status, JSON.stringify(body));
  assert.is(body.code, code);
  assert.match(String(headers['content-type']), 'application/problem+json');
  assert.is(body.status, status);
  assert.is(body.type, `urn:baton:problem:${code}`);
  assert.is(body.title, ERRORS[code as keyof typeof ERRORS].title);
  assert.ok(body.detail.length > 0);
}

const GOOD = { name: 'good', memoryMiB: 32, kernel: '/kernel' };

for (const [what, document, complaint] of [
  ['RAM of 0', { ...GOOD, memoryMiB: 0 }, /memoryMiB must be >= 1/],
  ['negative RAM', { ...GOOD, memoryMiB: -1 }, /memoryMiB must be >= 1/],
  ['a number as text', { ...GOOD, memoryMiB: '32' }, /memoryMiB must be integer/],
  ['a fraction of a MiB', { ...GOOD, memoryMiB: 1.5 }, /memoryMiB must be integer/],
  ['a misspelt member', { ...GOOD, memoryMib: 32 }, /additional properties \(memoryMib\)/],
  ['a missing member', { name: 'x', kernel: '/kernel' }, /required property 'memoryMiB'/],
  ['a name with a slash', { ...GOOD, name: 'a/b' }, /name must match pattern/],
  ['an empty name', { ...GOOD, name: '' }, /name must match pattern/],
  ['a relative kernel', { ...GOOD, kernel: 'vmlinux' }, /kernel must match pattern/],
  ['null for a path', { ...GOOD, initrd: null }, /initrd must be string/],
  ['a list', [GOOD], /body must be object/],
  ['null', 'null', /body must be object/],
] as const) {
  test(`a machine with ${what} is refused with the member's name`, async ({ app }) => {
    const answer = await call(app, 'POST', '/v1/machines', document as object);
    isProblem(answer, 400, 'invalid_request');
    assert.match(answer.body.detail, complaint);
  });
}

test('RAM beyond what the VMM can, and more than one vCPU, are refused with the limit', async ({ app }) => {
  const answer = await call(app, 'POST', '/v1/machines', { ...GOOD, memoryMiB: 3585, vcpus: 2 });
  isProblem(answer, 422, 'machine_not_valid');
  assert.match(answer.body.detail, /memoryMiB must be at most 3584.*vcpus must be 1/);
});

test('a build that does not exist is refused', async ({ app }) => {
  isProblem(await call(app, 'POST', '/v1/machines', { ...GOOD, build: 'none' }), 404, 'build_not_found');
});

test('a body that is no JSON, none at all, and another type are refused', async ({ app }) => {
  isProblem(await call(app, 'POST', '/v1/machines', '{"name":'), 400, 'malformed_json');
  isProblem(await call(app, 'POST', '/v1/machines'), 400, 'invalid_request');
  const { server } = app;
  const headers = { 'content-type': 'text/yaml' };
  const response = await server.inject({ method: 'POST', url: '/v1/machines', headers, payload: 'name: x' });
  assert.is(response.statusCode, 415);
  assert.is(response.json().code, 'unsupported_media_type');
});

test('a body of 10 MiB is refused', async ({ app }) => {
  const body = { ...GOOD, commandLine: 'x'.repeat(10 * 1024 * 1024) };
  isProblem(await call(app, 'POST', '/v1/machines', body), 413, 'body_too_large');
});

test('members that would change every object are not taken over', async ({ app }) => {
  const answer = await call(
    app,
    'POST',
    '/v1/machines',
    '{"name":"p","memoryMiB":32,"kernel":"/k","__proto__":{}}',
  );
  isProblem(answer, 400, 'malformed_json');
});

test('unknown routes, machines, operations, upgrades, instances are problems', async ({ app }) => {
  isProblem(await call(app, 'GET', '/v1/nothing'), 404, 'route_not_found');
  isProblem(await call(app, 'GET', '/'), 404, 'route_not_found');
  isProblem(await call(app, 'GET', '/v1/machines/none'), 404, 'machine_not_found');
  isProblem(await call(app, 'POST', '/v1/machines/none/start'), 404, 'machine_not_found');
  isProblem(await call(app, 'DELETE', '/v1/machines/none'), 404, 'machine_not_found');
  isProblem(await call(app, 'GET', '/v1/operations/none'), 404, 'operation_not_found');
  isProblem(await call(app, 'GET', '/v1/upgrades/none'), 404, 'upgrade_not_found');
  isProblem(await call(app, 'GET', '/v1/builds/none'), 404, 'build_not_found');
  isProblem(await call(app, 'GET', '/v1/machines/%E0%A4%A'), 400, 'invalid_request');
});

test('a method that a path does not have is answered with those that it has', async ({ app }) => {
  for (const [method, url, allow] of [
    ['DELETE', '/v1/machines', 'GET, HEAD, POST'],
    ['GET', '/v1/machines/none/start', 'POST'],
    ['PUT', '/v1/machines/none?x=1', 'DELETE, GET, HEAD, PATCH'],
    ['PUT', '/v1/machines/adopt', 'DELETE, GET, HEAD, PATCH, POST'],
    ['POST', '/v1/openapi.json', 'GET, HEAD'],
    ['DELETE', '/v1/', 'GET, HEAD'],
    ['DELETE', '/v1', 'GET, HEAD'],
  ] as const) {
    const answer = await call(app, method, url);
    isProblem(answer, 405, 'method_not_allowed');
    assert.is(answer.headers.allow, allow, url);
  }
  isProblem(await call(app, 'POST', '/v1/machines/none/fly'), 404, 'route_not_found');
  isProblem(await call(app, 'GET', '/v1/machines/none/start/now'), 404, 'route_not_found');
});

test('a query that a route does not know is refused, not ignored', async ({ app }) => {
  for (const [method, url] of [
    ['GET', '/v1/?x=1'],
    ['GET', '/v1/machines?stat=running'],
    ['GET', '/v1/machines/none?x=1'],
    ['POST', '/v1/machines?dryrun=true'],
    ['DELETE', '/v1/machines/none?force=true'],
    ['GET', '/v1/openapi.json?x=1'],
  ] as const) {
    const answer = await call(app, method, url, method === 'POST' ? GOOD : undefined);
    isProblem(answer, 400, 'invalid_request');
    assert.match(answer.body.detail, /querystring must NOT have additional properties/);
  }
});

test('a build must be a VMM that answers', async ({ app, folders }) => {
  const register = (body: object) => call(app, 'POST', '/v1/builds', body);
  isProblem(await register({ kind: 'baton', path: '/none' }), 422, 'build_not_usable');
  const answer = await register({ kind: 'baton', path: '/bin/true' });
  isProblem(answer, 422, 'build_not_usable');
  assert.match(answer.body.detail, /expected \/bin\/true to speak QMP on its standard output/);
  isProblem(await register({ kind: 'baton', path: folders.path }), 422, 'build_not_usable');
  isProblem(await register({ kind: 'xen', path: '/bin/true' }), 400, 'invalid_request');
});

test('registering the same build twice gives the same build', async ({ app, folders }) => {
  const body = { kind: 'baton', path: folders.vmm };
  const first = await call(app, 'POST', '/v1/builds', body);
  assert.is(first.status, 201);
  assert.is((await call(app, 'POST', '/v1/builds', body)).body.id, first.body.id);
  assert.is((await call(app, 'GET', String(first.headers.location))).body.path, folders.vmm);
});

test('a machine is found by id and by name, with every default resolved', async ({ app }) => {
  const created = await call(app, 'POST', '/v1/machines', GOOD);
  assert.is(created.status, 201);
  assert.is(created.headers.location, `/v1/machines/${created.body.id}`);
  const { body } = await call(app, 'GET', '/v1/machines/good');
  assert.equal(body, created.body);
  assert.equal(body.spec, {
    memoryMiB: 32,
    vcpus: 1,
    kernel: '/kernel',
    initrd: null,
    commandLine: null,
    firmware: null,
    architecture: 'riscv64',
    machineType: 'virt',
    accelerator: 'tcg',
    cpu: 'rv64',
    disks: [],
    nics: [],
    display: null,
    guestAgent: false,
    extraArguments: [],
    onHostShutdown: 'stop',
    onHostBoot: 'restore',
  });
  isProblem(await call(app, 'POST', '/v1/machines/good/stop', { powerdownMs: -1 }), 400, 'invalid_request');
  isProblem(await call(app, 'POST', '/v1/machines/good/upgrade', { mode: 'magic' }), 400, 'invalid_request');
  isProblem(await call(app, 'POST', '/v1/machines/good/upgrade', { to: 'x' }), 400, 'invalid_request');
  assert.is((await call(app, 'DELETE', '/v1/machines/good')).status, 204);
});

test('the OpenAPI document says which bodies may be left out, and that a disk may be full', async ({
  app,
}) => {
  const { paths } = (await call(app, 'GET', '/v1/openapi.json')).body;
  const isRequired = (path: string) => paths[path].post.requestBody.required;
  for (const action of ['start', 'kill', 'suspend', 'stop', 'restore', 'upgrade', 'preflight']) {
    assert.is(isRequired(`/v1/machines/{machine}/${action}`), false, action);
    assert.ok('5XX' in paths[`/v1/machines/{machine}/${action}`].post.responses, action);
  }
  for (const path of ['/v1/machines', '/v1/machines/adopt', '/v1/builds']) assert.is(isRequired(path), true);
});

test('a member that an action does not know is refused, not ignored', async ({ app }) => {
  const { body: machine } = await call(app, 'POST', '/v1/machines', { ...GOOD, name: 'asked' });
  for (const action of ['start', 'kill', 'pause', 'resume', 'suspend', 'discard', 'stop']) {
    const answer = await call(app, 'POST', `/v1/machines/${machine.id}/${action}`, { build: 'other' });
    isProblem(answer, 400, 'invalid_request');
    assert.match(answer.body.detail, /additional properties \(build\)/);
  }
});

test('a word that is not one of the allowed is answered with those that are', async ({ app }) => {
  const { body: machine } = await call(app, 'POST', '/v1/machines', { ...GOOD, name: 'moded' });
  const answer = await call(app, 'POST', `/v1/machines/${machine.id}/upgrade`, { mode: 'live' });
  isProblem(answer, 400, 'invalid_request');
  assert.match(answer.body.detail, /\/mode .*\(auto, cpr-transfer, cpr-exec, cpr-reboot\)/);
});

test('error codes are snake_case and have a title', () => {
  for (const [code, { status, title }] of Object.entries(ERRORS)) {
    assert.match(code, /^[a-z]+(_[a-z]+)*$/);
    assert.ok(status >= 400 && status < 600 && title.length > 0);
  }
});

test.run();
