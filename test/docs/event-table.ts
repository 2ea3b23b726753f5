/**
 * What is made of the list of event types: the tables of docs/events.md. `npm run build:config` writes them, a test says
 * when that was forgotten.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EVENT_TYPES, EVENTS } from '../../daemon/event-types.js';

const EVENTS_PAGE = fileURLToPath(new URL('../../../docs/events.md', import.meta.url));
const BEGIN = '<!-- types: written by npm run build:config -->';
const END = '<!-- end of types -->';

const FAMILIES: Readonly<Record<string, string>> = {
  machine: 'Machines',
  build: 'Builds',
  instance: 'Instances: VMM processes',
  operation: 'Operations',
  upgrade: 'Upgrades',
  guest: 'Guests',
};

interface Shape {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Shape[];
  readonly description?: string;
}

function typeName({ type = '', enum: words, anyOf }: Shape): string {
  if (words !== undefined) return words.map((word) => `\`${word}\``).join(' ');
  if (anyOf !== undefined) return anyOf.map(typeName).join(' or ');
  return { string: 'text', array: 'list of text' }[type] ?? type;
}

function section(family: string): string[] {
  const types = EVENT_TYPES.filter((type) => type.split('.')[1] === family);
  const rows = types.flatMap((type) => {
    const { when, data } = EVENTS[type];
    const required: readonly string[] = data.required ?? [];
    const members = Object.entries(data.properties as Record<string, Shape>).map(([name, shape]) => {
      const optional = required.includes(name) ? '' : ', not always there';
      return `| | \`${name}\` | ${typeName(shape)} | ${shape.description}${optional} |`;
    });
    return [`| \`${type}\` | | | **${when}** |`, ...members];
  });
  return [`### ${FAMILIES[family]}`, '', '| type | data | | |', '| --- | --- | --- | --- |', ...rows, ''];
}

export function withTypes(page: string): string {
  const [before = ''] = page.split(BEGIN);
  const [, after = ''] = page.split(END);
  const tables = Object.keys(FAMILIES).flatMap(section);
  return `${before}${BEGIN}\n\n${tables.join('\n')}\n${END}${after}`;
}

export function familiesListed(): boolean {
  return EVENT_TYPES.every((type) => Object.hasOwn(FAMILIES, type.split('.')[1] ?? ''));
}

export function eventsPage(): string {
  return readFileSync(EVENTS_PAGE, 'utf8');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(EVENTS_PAGE, withTypes(eventsPage()));
