/**
 * Words that the shapes of the REST interface are written in. OpenAPI, validation and serialization come from the
 * shapes, with descriptions and units. Bodies refuse unknown members; answers drop what is not listed.
 */
import { type Static, type TObject, type TSchema, Type } from 'typebox';

export const strict = { additionalProperties: false };
/** A component of the OpenAPI document, and a type of generated clients. */
export const named = <T extends TSchema>(title: string, schema: T): T => Object.assign(schema, { title });
export const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(
  schema: T,
  description: string,
) => Type.Union([schema, Type.Null()], { description });
/** As `nullable`, quickly: for members that lists have. No component of the document, as that is never null. */
export function objectOrNull<T extends TObject>(schema: T, description: string) {
  const { properties, required } = schema;
  const members = { properties, required: [...(required ?? [])] };
  return Type.Unsafe<Static<T> | null>({ type: ['object', 'null'], ...members, description });
}
/* A list of types, not a union of schemas: the serializer would try each member of a union on every value. */
export const textOrNull = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description });
export const integerOrNull = (description: string) =>
  Type.Unsafe<number | null>({ type: ['integer', 'null'], description });
export const numberOrNull = (description: string) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], description });
export const words = <const T extends string[]>(values: readonly [...T], description: string) =>
  Type.Enum([...values] as [...T], { type: 'string', description });
export const wordsOrNull = <const T extends string[]>(values: readonly [...T], description: string) =>
  Type.Unsafe<T[number] | null>({ type: ['string', 'null'], enum: [...values, null], description });
export const path = (description: string) =>
  Type.String({
    minLength: 1,
    maxLength: 4096,
    pattern: '^/',
    description: `${description}; an absolute path`,
  });
export const time = (description: string) => Type.String({ description: `${description}, RFC 3339, UTC` });
