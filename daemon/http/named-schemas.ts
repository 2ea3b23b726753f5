/**
 * Schemas with a title become components of the OpenAPI document, referred to by that name: generated clients get one
 * type for each, and readers a shorter document. Two that share a name must be the same.
 */
import { isDeepStrictEqual } from 'node:util';

export type Json = { [member: string]: unknown };

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const COMPONENT_NAME = /^[A-Z][A-Za-z]+$/;

/** Returns the node with all that has a name referred to, and adds those to `components`. */
export function hoist(node: unknown, components: Json): unknown {
  if (Array.isArray(node)) return node.map((item) => hoist(item, components));
  if (!isJson(node)) return node;
  const within = Object.fromEntries(
    Object.entries(node).map(([name, member]) => [
      name,
      name === 'examples' || name === 'example' || name === 'enum' ? member : hoist(member, components),
    ]),
  );
  const { title } = node;
  const isSchema = typeof title === 'string' && COMPONENT_NAME.test(title) && 'type' in node;
  if (!isSchema) return within;
  const known = components[title];
  if (known !== undefined && !isDeepStrictEqual(known, within)) {
    throw new Error(`expected one schema of the name ${title}, got two that differ`);
  }
  components[title] = within;
  return { $ref: `#/components/schemas/${title}` };
}
