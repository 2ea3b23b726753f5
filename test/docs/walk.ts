/**
 * The test of a page: all its commands are run, in order, as its reader would. Prints a line for each block, so that it
 * is seen what was run, what was skipped and why, and what is run by another test.
 */
import { execaSync } from 'execa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../fetch/cache.js';
import { type Block, blocksOf, commandsOf } from './page.js';
import { missingLine } from './shape.js';
import { NETWORK, User, type UserOptions } from './user.js';

/** Blocks that install things are run where it is 1. */
const HOST = 'BATON_DOCS_HOST';

function has(program: string): boolean {
  return !execaSync('sh', ['-c', `command -v ${program}`], { reject: false }).failed;
}

function qemuMissing(): string | null {
  const cache = findInCache();
  const found = [cache.qemu('10.0', 'x86_64'), cache.qemu('11.1', 'x86_64'), cache.qemuTools()];
  return (
    found.map((one) => ('missing' in one ? one.missing : null)).find((reason) => reason !== null) ?? null
  );
}

/** Null: it is there. Otherwise why it is not. */
const NEEDS: Readonly<Record<string, () => string | null>> = {
  qemu: qemuMissing,
  debian: () => {
    const found = findInCache().debian();
    return 'missing' in found ? found.missing : null;
  },
  docker: () => (has('docker') ? null : 'there is no docker'),
  sqlite3: () => (has('sqlite3') ? null : 'there is no sqlite3'),
  host: () =>
    process.env[HOST] === '1' ? null : `it changes the host: set ${HOST}=1 on one that is there for it`,
  network: () => (process.env[NETWORK] === '1' ? null : `it downloads: set ${NETWORK}=1`),
};

function reasonToSkip({ needs, page, line }: Block): string | null {
  for (const need of needs) {
    const missing = NEEDS[need];
    if (missing === undefined) throw new Error(`${page}:${line}: nobody knows what needs=${need} is`);
    const reason = missing();
    if (reason !== null) return reason;
  }
  return null;
}

/** What `qemu` needs, where the pages say that it is. */
function placeQemus(user: User): void {
  if (qemuMissing() !== null) return;
  const cache = findInCache();
  const places = {
    'usr/bin': cache.qemu('10.0', 'x86_64'),
    'opt/qemu-11.1/bin': cache.qemu('11.1', 'x86_64'),
  };
  for (const [folder, found] of Object.entries(places)) {
    if ('missing' in found) continue;
    user.link(found.argvPrefix[0] as string, `${folder}/qemu-system-x86_64`);
  }
  const tools = cache.qemuTools();
  if (!('missing' in tools)) user.link(tools.img, 'bin/qemu-img');
}

function head({ commands }: Block): string {
  return commandsOf({ commands })[0]?.slice(0, 80) ?? '';
}

export function testPage(page: string, options: UserOptions): void {
  const test = suite(page);
  const blocks = blocksOf(page).filter(({ runBy }) => runBy === null);
  const runnable = blocks.filter((block) => reasonToSkip(block) === null);
  const skipped = blocks.map((block) => [block, reasonToSkip(block)] as const);

  test('its commands do what it says', async () => {
    const user = await User.create(options);
    try {
      placeQemus(user);
      const outcomes = await user.run(runnable);
      for (const { block, output, failure } of outcomes) {
        const where = `${page}:${block.line}`;
        assert.ok(failure === null, `${where}: ${failure}`);
        assert.ok(!block.isEndless || output.trim() !== '', `${where}: expected it to print something`);
        const missing = block.prints === null ? null : missingLine(block.prints, output);
        assert.ok(missing === null, `${where}: expected the line\n  ${missing}\nin\n${output}`);
        console.log(`ran  ${where}  ${commandsOf(block).length} commands: ${head(block)}`);
      }
    } finally {
      await user.leave();
    }
  });

  if (runnable.length > 0) test.run();
  for (const [block, reason] of skipped) {
    if (reason !== null) console.log(`SKIP ${page}:${block.line} ${head(block)}: ${reason}`);
  }
}
