/**
 * Strict where Fastify is lenient. In a body unknown members and wrong types are refused instead of dropped or
 * converted. Queries, path parameters and headers are text on the wire: there `5` and `true` are what they say,
 * and nothing else is.
 */
import AjvCompiler from '@fastify/ajv-compiler';
import type { FastifyServerOptions } from 'fastify';

type Factory = NonNullable<
  NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>['buildValidator']
>;

const STRICT = { removeAdditional: false, allErrors: false, useDefaults: true } as const;

export const buildValidator: Factory = (externalSchemas, _options) => {
  const factory = AjvCompiler();
  const ofBody = factory(externalSchemas, { customOptions: { ...STRICT, coerceTypes: false } });
  const ofText = factory(externalSchemas, { customOptions: { ...STRICT, coerceTypes: true } });
  return (route) => (route.httpPart === 'body' ? ofBody : ofText)(route as never) as never;
};
