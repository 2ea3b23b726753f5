/**
 * The OpenAPI document: generated from the routes and their schemas, and completed here with what the generator does
 * not know: names and tags, who may, which problems a route answers with, and components for all that has a name.
 */
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { ERRORS, type ErrorCode } from '../errors.js';
import { PROBLEM_TYPE } from './error-handler.js';
import { hoist, isJson, type Json } from './named-schemas.js';
import { nameOf, problemsOf } from './route-names.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** The document as JSON, made once: anyone may ask for it, as often as he likes. */
    openapiText(): string;
  }
}

const TAGS: Readonly<Record<string, string>> = {
  daemon: 'The daemon itself, and its description',
  host: 'The host that it runs on',
  machines: 'Virtual machines: what they are, and what is done with them',
  instances: 'The VMM processes that run machines',
  guests: 'What the guest of a machine says and does, by its agent',
  builds: 'The VMM binaries that machines run on',
  operations: 'What was asked for and takes its time',
  upgrades: 'Machines on their way from one VMM process to another',
  events: 'What happened',
  access: 'Who may what, and who did what',
  health: 'Whether the daemon is alive, ready and well',
};

const TAG_OF: readonly (readonly [RegExp, keyof typeof TAGS])[] = [
  [/^\/v1\/machines\/[^/]+\/(instances|console)/, 'instances'],
  [/^\/v1\/machines\/[^/]+\/guest/, 'guests'],
  [/^\/v1\/(tokens|audit|whoami)/, 'access'],
  [/^\/v1\/(machines|host|builds|operations|upgrades|events)/, 'machines'],
  [/^\/v1/, 'daemon'],
  [/^/, 'health'],
];

const ANYONE = 'anyone';

type Transform = NonNullable<FastifyDynamicSwaggerOptions['transform']>;

/** Of one route. */
const describe: Transform = ({ schema, url, route }) => {
  const method = [route.method].flat()[0] ?? 'GET';
  const { role = ANYONE } = (route.config ?? {}) as { role?: string };
  const described: Json = { ...(schema as Json | undefined) };
  described.operationId = nameOf(method, url);
  described.tags = [tagOf(url)];
  const may = role === ANYONE ? 'Anyone may.' : `Least role: ${role}.`;
  described.description = [described.description, may].filter((text) => text !== undefined).join('\n\n');
  if (role === ANYONE) described.security = [];
  return { schema: described as typeof schema, url };
};

function tagOf(url: string): string {
  const [, tag = 'daemon'] = TAG_OF.find(([pattern]) => pattern.test(url)) ?? [];
  return tag === 'machines' ? (url.split('/')[2] ?? tag) : tag;
}

/** Of all of it. */
const complete: NonNullable<FastifyDynamicSwaggerOptions['transformObject']> = (generated) => {
  const { openapiObject } = generated as { openapiObject: Json };
  const paths = openapiObject.paths as Record<string, Record<string, Json>>;
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      completeBody(operation);
      completeProblems(operation, method.toUpperCase(), path);
      completeAnswers(operation);
    }
  }
  const schemas: Json = {};
  openapiObject.paths = hoist(paths, schemas);
  const sorted = Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1));
  openapiObject.components = {
    ...(openapiObject.components as Json | undefined),
    schemas: Object.fromEntries(sorted),
  };
  return openapiObject as ReturnType<typeof complete>;
};

/** A body of a POST that requires no member may be left out. The generator calls every body required. */
function completeBody({ requestBody }: Json): void {
  if (!isJson(requestBody)) return;
  const content = requestBody.content as Record<string, { schema?: { required?: readonly string[] } }>;
  const required = content['application/json']?.schema?.required ?? [];
  requestBody.required = required.length > 0;
}

function completeProblems(operation: Json, method: string, path: string): void {
  const codes = codesOf(operation, method, path);
  const responses = operation.responses as Record<string, Json>;
  for (const [range, response] of Object.entries(responses)) {
    if (!/^[45]/.test(range) || !isJson(response.content)) continue;
    response.content = { [PROBLEM_TYPE]: Object.values(response.content)[0] };
    const own = codes.filter((code) => String(ERRORS[code].status).startsWith(range.charAt(0)));
    const list = own.map((code) => `\`${code}\` (${ERRORS[code].status})`).join(', ');
    if (range.endsWith('XX')) response.description = list === '' ? 'A problem' : `A problem: ${list}`;
  }
}

const ANSWERS: Readonly<Record<string, string>> = {
  200: 'As asked',
  201: 'It was made; Location says where it is',
  202: 'It is under way; Location says where to follow it',
  204: 'Done',
};

/** The generator describes none of them. */
function completeAnswers({ responses }: Json): void {
  for (const [status, response] of Object.entries(responses as Record<string, Json>)) {
    if (response.description === 'Default Response') response.description = ANSWERS[status] ?? 'As asked';
  }
}

function codesOf(operation: Json, method: string, path: string): ErrorCode[] {
  const {
    parameters = [],
    requestBody,
    responses,
  } = operation as {
    parameters?: readonly { name: string }[];
    requestBody?: Json;
    responses: Json;
  };
  const has = (name: string) => parameters.some((parameter) => parameter.name === name);
  const when = (condition: boolean, ...codes: ErrorCode[]) => (condition ? codes : []);
  const problems: ErrorCode[] = [
    'invalid_request',
    ...when(requestBody !== undefined, 'malformed_json', 'body_too_large', 'unsupported_media_type'),
    ...when(has('machine') && path.includes('{machine}'), 'machine_not_found'),
    ...when(has('if-match'), 'precondition_failed'),
    ...when(has('idempotency-key'), 'idempotency_key_in_use', 'idempotency_key_reused'),
    ...problemsOf(method, path.replace(/\{([^}]+)\}/g, ':$1')),
    ...when('5XX' in responses, 'internal_error', 'store_busy', 'store_failed', 'store_full'),
    ...when('5XX' in responses && method !== 'GET', 'shutting_down'),
  ];
  return [...new Set(problems)];
}

const DESCRIPTION = `Keeps the virtual machines of one host, runs their VMMs, and replaces a VMM under a running machine.

- **Whatever can take long** answers 202 with an operation. \`?wait=30s\` answers when it has ended.
- **Lists** come in pages: \`limit\`, and \`cursor\` from \`next\` of the page before (or the \`Link\` header).
- **Problems** are RFC 9457 documents; \`code\` never changes its meaning. docs/errors.md lists all.
- **Bodies and queries are strict**: what a route does not know is refused, not ignored.
- **Machines have revisions**: \`ETag\` with \`If-Match\` keeps two who edit one from undoing one another's work. The tag is
  of the document (name, spec, labels, builds), not of the state shown with it.
- **\`Idempotency-Key\`** on a POST: asked again within 24 hours, it is not done again. After a problem the key is free.
- **\`?dryRun=true\`** checks all and changes nothing.`;

/** Before any route is added. */
export async function addOpenapi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, openapiOptions(version));
  let text: string | null = null;
  app.decorate('openapiText', () => {
    text ??= JSON.stringify(app.swagger());
    return text;
  });
}

function openapiOptions(version: string): FastifyDynamicSwaggerOptions {
  return {
    transform: describe,
    transformObject: complete,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Baton',
        version,
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/', description: 'This daemon' }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      security: [{}, { bearer: [] }, { certificate: [] }],
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description:
              'A token, over TLS. On the unix socket the kernel says who asks, and none is needed.',
          },
          certificate: { type: 'mutualTLS', description: 'A certificate of the client, over TLS' } as never,
        },
      },
    },
  };
}
