#!/usr/bin/env node
/** `baton`, the command line of Baton: a client of the REST interface and nothing else. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from './run.js';

/** From dist/daemon/cli/ in an installation. */
const PACKAGE = fileURLToPath(new URL('../../../package.json', import.meta.url));

const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string };
/** What goes into a pipe is written later: an exit before that would cut it off. */
async function exit(code: number): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) await new Promise((done) => stream.write('', done));
  process.exit(code);
}

void run(process.argv.slice(2), { process, version }).then(exit);
