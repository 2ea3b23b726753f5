/**
 * Writes what is made of the command line's own words. Usage: node dist/daemon/cli/write-docs.js [FOLDER]
 *
 *     docs/cli.md                                   without FOLDER
 *     FOLDER/man/baton.1  FOLDER/completions/…      with it, as the build does
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { completionOf } from './model/completions.js';
import { describeAll } from './model/describe.js';
import { manual } from './model/manual.js';
import { markdown } from './model/markdown.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { version: string };
const model = await describeAll(version);
const [folder] = process.argv.slice(2);

if (folder === undefined) {
  mkdirSync(`${ROOT}docs`, { recursive: true });
  writeFileSync(`${ROOT}docs/cli.md`, markdown(model));
} else {
  mkdirSync(`${folder}/man`, { recursive: true });
  mkdirSync(`${folder}/completions`, { recursive: true });
  writeFileSync(`${folder}/man/baton.1`, manual(model));
  writeFileSync(`${folder}/completions/baton.bash`, completionOf('bash', model));
  writeFileSync(`${folder}/completions/_baton`, completionOf('zsh', model));
  writeFileSync(`${folder}/completions/baton.fish`, completionOf('fish', model));
}
