/**
 * Walks an OpenAPI document: what an answer must look like, and every kind of input that it says is wrong. Knows
 * documents and nothing of the daemon.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema: Schema;
}

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly additionalProperties?: unknown;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

export interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}

export interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export function routesOf({ paths }: Document): Route[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}

export class Answers {
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #document: Document;

  constructor(document: Document) {
    this.#document = document;
    this.#ajv.addSchema({ ...document, $id: 'document' });
  }

  /** Null: the answer is as documented. */
  complaint(
    { method, path, operation }: Route,
    answer: { readonly status: number; readonly contentType: string; readonly body: string },
  ): string | null {
    const { status, contentType, body } = answer;
    const range = `${String(status).charAt(0)}XX`;
    const documented = [String(status), range].find((name) => name in operation.responses);
    if (documented === undefined) return `${status} is not documented`;
    const content = this.#document.paths[path]?.[method.toLowerCase()]?.responses[documented]?.content;
    if (content === undefined) return body === '' ? null : `expected no body with ${status}`;
    const type = contentType.split(';')[0] ?? '';
    if (body === '' && (status === 204 || status === 304)) return null;
    if (!(type in content)) return `expected ${Object.keys(content).join()}, got ${contentType}`;
    if (!type.includes('json')) return null;
    const pointer = ['paths', path, method.toLowerCase(), 'responses', documented, 'content', type, 'schema'];
    const reference = pointer.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/');
    const validate = this.#ajv.compile({ $ref: `document#/${encodeURI(reference)}` });
    return validate(JSON.parse(body)) ? null : this.#ajv.errorsText(validate.errors);
  }
}

export interface BadValue {
  readonly why: string;
  readonly value: unknown;
}

/** Values that a parameter must not have, as text. */
export function badParameters({
  name,
  schema,
}: Parameter): { readonly why: string; readonly value: string }[] {
  const { type, pattern, minimum, maximum, maxLength } = schema;
  const bad: (readonly [string, string | null])[] = [
    ['wrong type', type === 'integer' || type === 'boolean' ? 'something' : null],
    ['too small', minimum === undefined ? null : String(minimum - 1)],
    ['too large', maximum === undefined ? null : String(maximum + 1)],
    ['not of the form', pattern === undefined || new RegExp(pattern).test('~ ~') ? null : '~ ~'],
    ['too long', maxLength === undefined ? null : 'x'.repeat(maxLength + 1)],
    ['garbage', name === 'cursor' ? 'Z2FyYmFnZQ' : null],
  ];
  return bad.flatMap(([why, value]) => (value === null ? [] : [{ why: `${name} ${why}`, value }]));
}

/** Bodies that are wrong in one place each, made from a good one. */
export function badBodies(
  document: Document,
  schema: Schema,
  good: Readonly<Record<string, unknown>>,
): BadValue[] {
  const { properties = {}, required = [] } = resolved(document, schema);
  return [
    { why: 'no object', value: [] },
    { why: 'unknown member', value: { ...good, nonsense: 1 } },
    ...required.map((name) => ({ why: `${name} missing`, value: { ...good, [name]: undefined } })),
    ...Object.entries(properties).flatMap(([name, member]) =>
      badValues(document, member).map(({ why, value }) => ({
        why: `${name} ${why}`,
        value: { ...good, [name]: value },
      })),
    ),
  ];
}

function badValues(document: Document, unresolved: Schema): BadValue[] {
  const schema = resolved(document, unresolved);
  const types = [schema, ...(schema.anyOf ?? []).map((one) => resolved(document, one))].flatMap(
    ({ type }) => type ?? [],
  );
  const bad: BadValue[] = [{ why: 'wrong type', value: types.includes('object') ? 5 : { nonsense: 1 } }];
  const { minimum, maximum, maxLength, maxItems, pattern, items } = schema;
  if (schema.enum !== undefined) bad.push({ why: 'no such word', value: 'nonsense' });
  if (minimum !== undefined) bad.push({ why: 'too small', value: minimum - 1 });
  if (maximum !== undefined) bad.push({ why: 'too large', value: maximum + 1 });
  if (maxLength !== undefined) bad.push({ why: 'too long', value: 'x'.repeat(maxLength + 1) });
  if (pattern !== undefined && !new RegExp(pattern, 'u').test('\n'))
    bad.push({ why: 'not of the form', value: '\n' });
  if (items === undefined) return bad;
  const inside = badValues(document, items);
  bad.push(...inside.map(({ why, value }) => ({ why: `[] ${why}`, value: [value] })));
  if (maxItems !== undefined) bad.push({ why: 'too many', value: new Array(maxItems + 1).fill('x') });
  return bad;
}

function resolved({ components }: Document, schema: Schema): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (components.schemas[name] as Schema);
}
