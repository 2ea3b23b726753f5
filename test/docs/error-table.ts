/**
 * What is made of the lists of errors, reasons, findings and checks: the tables of docs/errors.md. `npm run build:config`
 * writes them, a test says when that was forgotten.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { REMEDIES } from '../../daemon/error-remedies.js';
import { ERRORS, type ErrorCode } from '../../daemon/errors.js';
import { HOST_CHECKS } from '../../daemon/host/checks.js';
import { FINDINGS } from '../../daemon/preflight/finding.js';
import { UPGRADE_REASONS } from '../../daemon/upgrade.js';

const ERRORS_PAGE = fileURLToPath(new URL('../../../docs/errors.md', import.meta.url));

const TABLES: Readonly<Record<string, () => string[]>> = {
  problems: () => [
    '| code | status | what it means | what to do |',
    '| --- | --- | --- | --- |',
    ...(Object.keys(ERRORS) as ErrorCode[]).map((code) => {
      const { status, title } = ERRORS[code];
      return `| \`${code}\` | ${status} | ${title} | ${REMEDIES[code]} |`;
    }),
  ],
  reasons: () => [
    '| code | what to do |',
    '| --- | --- |',
    ...Object.entries(UPGRADE_REASONS).map(([code, remedy]) => `| \`${code}\` | ${capital(remedy)} |`),
  ],
  findings: () => [
    '| code | what it means |',
    '| --- | --- |',
    ...Object.entries(FINDINGS).map(([code, { means }]) => `| \`${code}\` | ${capital(means)} |`),
  ],
  checks: () => [
    '| code | what is looked at |',
    '| --- | --- |',
    ...Object.entries(HOST_CHECKS).map(([code, what]) => `| \`${code}\` | ${capital(what)} |`),
  ],
};

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `page` with its tables brought up to date. */
export function withTables(page: string): string {
  return Object.entries(TABLES).reduce((text, [name, rows]) => {
    const begin = `<!-- ${name}: written by npm run build:config -->`;
    const end = `<!-- end of ${name} -->`;
    const [before = '', rest] = text.split(begin);
    if (rest === undefined) throw new Error(`expected ${begin} in docs/errors.md`);
    return `${before}${begin}\n\n${rows().join('\n')}\n\n${rest.slice(rest.indexOf(end))}`;
  }, page);
}

export function errorsPage(): string {
  return readFileSync(ERRORS_PAGE, 'utf8');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(ERRORS_PAGE, withTables(errorsPage()));
