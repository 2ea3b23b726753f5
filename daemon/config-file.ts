/**
 * Reads the configuration file. What is wrong with it is one sentence that begins with the file and the line, and
 * says what was expected, what is there, and for a mistyped member which one was meant.
 */
import { readFileSync } from 'node:fs';
import type { TSchema } from 'typebox';
import { Errors } from 'typebox/value';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { ConfigFile } from './config-schema.js';
import { similarWord } from './similar-word.js';

export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

/** No honest file comes near; one of gigabytes is a mistake. */
const MAX_BYTES = 1024 * 1024;
const MAX_ALIASES = 100;

type Path = readonly (string | number)[];

export function readConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`the configuration ${path} cannot be read: ${(error as Error).message}`);
  }
  return parseConfig(text, path);
}

export function parseConfig(text: string, file: string): ConfigFile {
  if (text.length > MAX_BYTES)
    throw new ConfigError(`${file}: expected at most 1 MiB, got ${text.length} bytes`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const [flaw] = [...document.errors, ...document.warnings];
  if (flaw !== undefined) throw new ConfigError(`${file}:${lineAt(flaw.pos[0])}: ${flaw.message}`);
  const value = toValue(document, file);
  const [problem] = problemsOf(value)
    .map(({ path, sentence }) => ({ sentence, line: lineAt(offsetOf(document, path)) }))
    .sort((one, other) => one.line - other.line);
  if (problem !== undefined) throw new ConfigError(`${file}:${problem.line}: ${problem.sentence}`);
  return value as ConfigFile;
}

/** An empty file is an empty configuration, and so is a section of which all is commented out. */
function toValue(document: Document, file: string): unknown {
  try {
    return withoutEmpty(document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {});
  } catch (error) {
    throw new ConfigError(`${file}: ${(error as Error).message}`);
  }
}

function withoutEmpty(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutEmpty(member)]));
}

function problemsOf(value: unknown): { path: Path; sentence: string }[] {
  return Errors(ConfigFile, value).flatMap(({ keyword, instancePath, params, message }) => {
    const path = instancePath.split('/').slice(1);
    const name = path.join('.');
    const expected = (what: string) =>
      `expected ${name || 'the file'} to be ${what}, got ${shown(value, path)}`;
    const schema = schemaAt(path);
    switch (keyword) {
      case 'boolean':
        return [];
      case 'additionalProperties':
        return (params as { additionalProperties: string[] }).additionalProperties.map((member) => ({
          path: [...path, member],
          sentence: unknownMember(path, member),
        }));
      case 'required': {
        const { requiredProperties } = params as { requiredProperties: string[] };
        return [{ path, sentence: `expected ${[...path, requiredProperties[0]].join('.')}, got none` }];
      }
      case 'enum':
        return [{ path, sentence: expected(`one of ${enumOf(schema).join(', ')}`) }];
      case 'pattern':
        return [{ path, sentence: expected(String((schema as { description?: string })?.description)) }];
      case 'type':
        return [{ path, sentence: expected(`of type ${(params as { type: string }).type}`) }];
      default:
        return [{ path, sentence: `${name} ${message}, got ${shown(value, path)}` }];
    }
  });
}

function unknownMember(path: Path, member: string): string {
  const known = Object.keys((schemaAt(path) as { properties?: object })?.properties ?? {});
  const meant = similarWord(member, known);
  const where = path.length === 0 ? '' : ` in ${path.join('.')}`;
  const hint = meant === null ? `known are ${known.join(', ')}` : `did you mean ${meant}?`;
  return `there is no ${member}${where}: ${hint}`;
}

function schemaAt(path: Path): TSchema | undefined {
  let schema = ConfigFile as unknown as Record<string, unknown> | undefined;
  for (const step of path) {
    const { properties, items } = (schema ?? {}) as { properties?: Record<string, unknown>; items?: unknown };
    schema = (items ?? properties?.[String(step)]) as Record<string, unknown> | undefined;
  }
  return schema as TSchema | undefined;
}

const enumOf = (schema: TSchema | undefined) => (schema as { enum?: string[] })?.enum ?? [];

function shown(value: unknown, path: Path): string {
  let found = value;
  for (const step of path) found = (found as Record<string, unknown> | undefined)?.[step];
  return JSON.stringify(found) ?? 'nothing';
}

/** Of the member's name, where it has one. */
function offsetOf(document: Document, path: Path): number {
  const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
  if (isMap(parent)) {
    const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(path.at(-1)));
    if (isNode(pair?.key)) return pair.key.range?.[0] ?? 0;
  }
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}
