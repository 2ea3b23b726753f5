/**
 * Strict where Fastify is lenient. In a body unknown members and wrong types are refused instead of dropped or
 * converted. Queries, path parameters and headers are text on the wire: there `5` and `true` are what they say,
 * and nothing else is.
 *
 * A schema is compiled when its route is first used: to compile all of them is most of what a start costs, and most are
 * never used. `npm test` uses all, so a schema that is none is found there.
 */
import AjvCompiler from '@fastify/ajv-compiler';
import SerializerCompiler from '@fastify/fast-json-stringify-compiler';
import type { FastifyServerOptions } from 'fastify';

type Factories = NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>;

/* That our schemas are schemas is checked by tests, and costs the compilation of the schema of schemas. */
const STRICT = {
  removeAdditional: false,
  allErrors: false,
  useDefaults: true,
  validateSchema: false,
} as const;

type Validate = ((data: unknown) => unknown) & { errors?: unknown };

export const buildValidator: NonNullable<Factories['buildValidator']> = (externalSchemas, _options) => {
  const factory = AjvCompiler();
  const ofBody = factory(externalSchemas, { customOptions: { ...STRICT, coerceTypes: false } });
  const ofText = factory(externalSchemas, { customOptions: { ...STRICT, coerceTypes: true } });
  return (route) => {
    const compile = () => (route.httpPart === 'body' ? ofBody : ofText)(route as never) as Validate;
    let compiled: Validate | null = null;
    const validate: Validate = (data) => {
      compiled ??= compile();
      const result = compiled(data);
      validate.errors = compiled.errors;
      return result;
    };
    return validate as never;
  };
};

export const buildSerializer: NonNullable<Factories['buildSerializer']> = (externalSchemas, options) => {
  const compile = SerializerCompiler()(externalSchemas as never, options);
  return (route) => {
    let serialize: ((value: unknown) => string) | null = null;
    return (value) => {
      serialize ??= compile(route as never) as (value: unknown) => string;
      return serialize(value);
    };
  };
};
