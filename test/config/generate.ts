/**
 * What is made of the schema of the configuration: config/batond.schema.json, and the list in docs/install.md.
 * `npm run build:config` writes them, a test says when that was forgotten.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ConfigFile } from '../../daemon/config-schema.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const SCHEMA = `${ROOT}config/batond.schema.json`;
export const INSTALL = `${ROOT}docs/install.md`;
const BEGIN = '<!-- configuration: written by npm run build:config -->';
const END = '<!-- end of configuration -->';

interface Shape {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
}

export function schema(): unknown {
  const head = { $schema: 'https://json-schema.org/draft/2020-12/schema' };
  return JSON.parse(JSON.stringify({ ...head, ...ConfigFile }));
}

function rows({ properties = {} }: Shape, prefix: string): string[] {
  return Object.entries(properties).flatMap(([name, shape]) => {
    const { properties: members, items } = shape;
    const path = `${prefix}${name}`;
    if (members !== undefined) return rows(shape, `${path}.`);
    const kind = shape.enum?.map((word) => `\`${word}\``).join(', ') ?? shape.type;
    const own = `- \`${path}\` (${kind}): ${shape.description}`;
    return items === undefined ? [own] : [own, ...rows(items, `${path}[].`)];
  });
}

/** `text` with the list brought up to date. */
export function withList(text: string): string {
  const [before, rest = ''] = text.split(BEGIN);
  const after = rest.slice(rest.indexOf(END));
  return `${before}${BEGIN}\n\n${rows(ConfigFile as Shape, '').join('\n')}\n\n${after}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(SCHEMA, JSON.stringify(schema()));
  writeFileSync(INSTALL, withList(readFileSync(INSTALL, 'utf8')));
}
