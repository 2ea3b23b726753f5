/**
 * Every route of the OpenAPI document is called: with good input, whose answer must be as documented, and with every
 * kind of bad input that the document knows, which must be refused as documented and change nothing.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { call, type Folders, installVmm, makeFolders, startApp, tearDown } from '../fixture.js';
import { Answers, badBodies, badParameters, type Document, type Route, routesOf } from './document-walk.js';

interface Context {
  folders: Folders;
  app: App;
  document: Document;
  /** What stands for the parameters of paths. */
  values: {
    machine: string;
    generation: string;
    build: string;
    operation: string;
    upgrade: string;
    token: string;
  };
}

const test = suite<Context>('walk through the OpenAPI document');

test.before(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
  context.document = (await call(context.app, 'GET', '/v1/openapi.json')).body;
  const none = { machine: '', generation: '1', build: '', operation: '', upgrade: '', token: '' };
  context.values = none;
});

test.after(({ folders, app }) => tearDown(folders, app));

interface Sent {
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

async function send(context: Context, { method, path }: Route, { query = '', headers = {}, body }: Sent) {
  const { values } = context;
  const id = path.startsWith('/v1/builds')
    ? values.build
    : path.startsWith('/v1/upgrades')
      ? values.upgrade
      : '';
  const ownId = path.startsWith('/v1/tokens') ? values.token : id === '' ? values.operation : id;
  const url = path
    .replace('{machine}', values.machine)
    .replace('{generation}', values.generation)
    .replace('{id}', ownId);
  const isText = typeof body === 'string';
  const response = await context.app.server.inject({
    method: method as 'GET',
    url: query === '' ? url : `${url}?${query}`,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { payload: isText ? body : (body as object) }),
  });
  const contentType = String(response.headers['content-type'] ?? '');
  return { status: response.statusCode, headers: response.headers, contentType, body: response.body };
}

/** In this order: each leaves what the next one needs. `status` is what a route answers that has what it needs. */
const GOOD: readonly (Sent & {
  readonly id: string;
  readonly status: number;
  readonly make?: (context: Context) => Sent;
  readonly learn?: (context: Context, body: Record<string, string>) => void;
})[] = [
  { id: 'getDaemon', status: 200 },
  { id: 'getHost', status: 200 },
  { id: 'validateHost', status: 200 },
  { id: 'getLiveness', status: 200 },
  { id: 'getReadiness', status: 200 },
  { id: 'getMetrics', status: 200 },
  { id: 'getCaller', status: 200 },
  {
    id: 'registerBuild',
    status: 201,
    make: ({ folders }) => ({ body: { kind: 'baton', path: installVmm(`${folders.path}/vmm-2`) } }),
    learn: ({ values }, { id }) => Object.assign(values, { build: id }),
  },
  { id: 'listBuilds', status: 200, query: 'kind=baton&limit=1' },
  { id: 'getBuild', status: 200 },
  { id: 'removeBuild', status: 204 },
  {
    id: 'createMachine',
    status: 201,
    headers: { 'idempotency-key': 'create' },
    make: ({ folders }) => ({
      body: { name: 'walked', memoryMiB: 32, kernel: folders.kernel, labels: { env: 'test' } },
    }),
    learn: ({ values }, { id }) => Object.assign(values, { machine: id }),
  },
  {
    id: 'createMachine',
    status: 200,
    query: 'dryRun=true',
    body: { name: 'dry', memoryMiB: 32, kernel: '/k' },
  },
  { id: 'listMachines', status: 200, query: 'state=stopped&label=env=test&name=walk*&outdated=false' },
  { id: 'getMachine', status: 200 },
  { id: 'getMachine', status: 304, headers: { 'if-none-match': '"1"' } },
  { id: 'changeMachine', status: 200, headers: { 'if-match': '"1"' }, body: { memoryMiB: 48 } },
  { id: 'setMachineBuilds', status: 200, body: { deny: [] } },
  { id: 'startMachine', status: 200, query: 'wait=60s' },
  { id: 'listInstances', status: 200, query: 'state=alive' },
  { id: 'getVmmLog', status: 200 },
  { id: 'pauseMachine', status: 200, query: 'wait=60s' },
  { id: 'resumeMachine', status: 200, query: 'wait=60s' },
  { id: 'preflightUpgrade', status: 200, body: { rehearse: false } },
  { id: 'upgradeMachine', status: 200, query: 'dryRun=true', body: {} },
  {
    id: 'upgradeMachine',
    status: 200,
    query: 'wait=60s',
    learn: ({ values }, { id }) => Object.assign(values, { operation: id, upgrade: id, generation: '2' }),
  },
  { id: 'listUpgrades', status: 200, query: 'machine=walked&mode=cpr-transfer' },
  { id: 'getUpgrade', status: 200, query: 'wait=1s' },
  { id: 'listOperations', status: 200, query: 'machine=walked&kind=start,upgrade&state=succeeded' },
  { id: 'getOperation', status: 200 },
  { id: 'getConsoleLog', status: 200 },
  { id: 'suspendHost', status: 200, query: 'wait=60s' },
  { id: 'restoreHost', status: 200, query: 'wait=60s' },
  { id: 'suspendMachine', status: 200, query: 'wait=60s' },
  { id: 'restoreMachine', status: 200, query: 'wait=60s' },
  { id: 'shutDownHost', status: 200, query: 'wait=60s', body: { powerdownMs: 0 } },
  { id: 'bootHost', status: 200, query: 'wait=60s' },
  { id: 'stopMachine', status: 200, query: 'wait=60s', body: { powerdownMs: 0 } },
  { id: 'killMachine', status: 202 },
  { id: 'listEvents', status: 200, query: 'after=0&limit=5' },
  {
    id: 'createToken',
    status: 201,
    body: { name: 'walker', role: 'viewer' },
    learn: ({ values }, { id }) => Object.assign(values, { token: id }),
  },
  { id: 'listTokens', status: 200 },
  { id: 'getToken', status: 200 },
  { id: 'listAudit', status: 200 },
  { id: 'verifyAudit', status: 200 },
  /* What this machine does not have is refused, and that is documented too. */
  { id: 'cancelOperation', status: 409 },
  { id: 'discardMachineState', status: 409 },
  { id: 'releaseMachine', status: 409 },
  { id: 'adoptMachine', status: 422, body: { name: 'adopted', qmpSocket: '/none' } },
  { id: 'getGuest', status: 409 },
  { id: 'freezeGuest', status: 409 },
  { id: 'thawGuest', status: 409 },
  { id: 'attachConsole', status: 426 },
];
/** Undone by the tests that come last. */
const LAST = ['deleteMachine', 'revokeToken'];

function routeOf({ document }: Context, id: string): Route | undefined {
  return routesOf(document).find(({ operation }) => operation.operationId === id);
}

test('good input is answered as documented, on every route', async (context) => {
  const answers = new Answers(context.document);
  const complaints: string[] = [];
  for (const { id, status, make, learn, ...sent } of GOOD) {
    const route = routeOf(context, id);
    if (route === undefined) continue;
    const answer = await send(context, route, { ...sent, ...make?.(context) });
    const complaint = answers.complaint(route, answer);
    if (complaint !== null) complaints.push(`${id}: ${complaint}`);
    if (answer.status !== status)
      complaints.push(`${id}: expected ${status}, got ${answer.status} ${answer.body}`);
    if (answer.status === status && learn !== undefined) learn(context, JSON.parse(answer.body));
  }
  assert.equal(complaints, []);
  const known = new Set([...GOOD.map(({ id }) => id), ...LAST]);
  const unknown = routesOf(context.document).filter(({ operation }) => !known.has(operation.operationId));
  assert.equal(
    unknown.map(({ operation }) => operation.operationId),
    [],
    'give these routes good input, in this file',
  );
});

/** What no bad input may change. */
async function everything({ app }: Context): Promise<unknown> {
  const of = async (path: string) => (await call(app, 'GET', path)).body;
  const { last } = await of('/v1/events?limit=1');
  const { machines } = await of('/v1/machines');
  const { builds } = await of('/v1/builds');
  const { operations } = await of('/v1/operations');
  const { tokens } = await of('/v1/tokens');
  return { last, machines, builds, operations, tokens };
}

interface Bad extends Sent {
  readonly why: string;
  readonly status: number;
  readonly code: string;
}

function badInputs({ document }: Context, { operation, method }: Route): Bad[] {
  const invalid = { status: 400, code: 'invalid_request' };
  const good = goodBody(operation.operationId);
  const schema = operation.requestBody?.content?.['application/json']?.schema;
  const inputs: Bad[] = [{ why: 'unknown query parameter', query: 'nonsense=1', ...invalid }];
  for (const parameter of operation.parameters ?? []) {
    for (const { why, value } of badParameters(parameter)) {
      if (parameter.in === 'query')
        inputs.push({ why, query: `${parameter.name}=${encodeURIComponent(value)}`, ...invalid });
      if (parameter.in === 'header') inputs.push({ why, headers: { [parameter.name]: value }, ...invalid });
    }
  }
  if (schema === undefined) return inputs.map((input) => ({ ...input, ...(good && { body: good }) }));
  return [
    ...inputs.map((input) => ({ ...input, ...(method !== 'GET' && { body: good }) })),
    ...badBodies(document, schema, good).map(({ why, value }) => ({ why, body: value, ...invalid })),
    { why: 'no JSON', body: '{"a":', status: 400, code: 'malformed_json' },
    { why: 'too large', body: { x: 'x'.repeat(300 * 1024) }, status: 413, code: 'body_too_large' },
    {
      why: 'no JSON type',
      body: 'name: x',
      headers: { 'content-type': 'text/yaml' },
      status: 415,
      code: 'unsupported_media_type',
    },
  ];
}

function goodBody(id: string): Record<string, unknown> {
  if (id === 'createMachine') return { name: 'bad', memoryMiB: 32, kernel: '/kernel' };
  if (id === 'registerBuild') return { kind: 'baton', path: '/none' };
  if (id === 'changeMachine') return { memoryMiB: 64 };
  const body = GOOD.find((good) => good.id === id)?.body;
  return (body ?? {}) as Record<string, unknown>;
}

test('every kind of bad input is refused as documented, and changes nothing', async (context) => {
  const answers = new Answers(context.document);
  const before = await everything(context);
  const complaints: string[] = [];
  let count = 0;
  for (const route of routesOf(context.document)) {
    const { operationId } = route.operation;
    for (const { why, status, code, ...sent } of badInputs(context, route)) {
      count += 1;
      const answer = await send(context, route, sent);
      const is = `${operationId}, ${why}: ${answer.status} ${answer.body.slice(0, 300)}`;
      const complaint = answers.complaint(route, answer);
      if (complaint !== null) complaints.push(`${is}: ${complaint}`);
      else if (answer.status !== status || JSON.parse(answer.body).code !== code) complaints.push(is);
    }
  }
  assert.equal(complaints, []);
  assert.ok(count > 350, `${count} inputs`);
  assert.equal(await everything(context), before);
});

test('what is not there is not found, with the code of what it is', async (context) => {
  const complaints: string[] = [];
  const none = { ...context, values: { ...context.values } };
  for (const name of ['machine', 'build', 'operation', 'upgrade', 'token'] as const)
    none.values[name] = 'none';
  for (const route of routesOf(context.document).filter(({ path }) => path.includes('{'))) {
    const id = route.operation.operationId;
    const body = route.operation.requestBody === undefined ? undefined : goodBody(id);
    const answer = await send(none, route, body === undefined ? {} : { body });
    const { code } = JSON.parse(answer.body);
    if (answer.status !== 404 || !/^\w+_not_found$/.test(code)) complaints.push(`${id}: ${answer.body}`);
  }
  assert.equal(complaints, []);
});

test('a method that a path does not have is refused with those that it has', async (context) => {
  const { document } = context;
  for (const [path, methods] of Object.entries(document.paths)) {
    const has = Object.keys(methods).map((method) => method.toUpperCase());
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((one) => !has.includes(one))) {
      const route = { method, path, operation: {} as Route['operation'] };
      const answer = await send(context, route, {});
      if (path === '/v1/machines/adopt' && ['GET', 'PATCH', 'DELETE'].includes(method)) continue;
      assert.is(answer.status, 405, `${method} ${path} ${answer.body}`);
      assert.is(JSON.parse(answer.body).code, 'method_not_allowed');
      const allowed = String(answer.headers.allow).split(', ');
      for (const one of has) assert.ok(allowed.includes(one), `${method} ${path}: ${allowed}`);
    }
  }
});

test('what was made is removed as documented', async (context) => {
  const answers = new Answers(context.document);
  for (const id of LAST) {
    const route = routeOf(context, id);
    if (route === undefined) continue;
    const answer = await send(context, route, {});
    assert.is(answers.complaint(route, answer), null);
    assert.is(answer.status, 204, answer.body);
  }
});

test.run();
