/**
 * docs/cli.md has examples of each command, one beside another and not one after another. Each is run, on a host that
 * has what they name; what is tested is that program and daemon understand it, not that it can be done right now.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { blocksOf, commandsOf } from './page.js';
import { User } from './user.js';

const PAGE = 'docs/cli.md';
const COMMAND_DEADLINE_MS = 20_000;
/** Usage: the command line is not valid. A shell that cannot do it says 126 or 127. */
const NOT_UNDERSTOOD = [2, 126, 127];
/** The host does not have a file that the example names; the command line was understood. */
const IS_NOT_HERE = /^baton: .*(ENOENT|no such file|No such file)/m;
/** Of `timeout`. */
const ENDED = 124;
/** What follows, or asks somebody: it has begun when it is ended. */
const IS_ENDLESS = /event watch|--follow|machine console|^baton machine edit/;
const MACHINE = 'baton machine create web1 -m 128M --kernel /srv/web1.kernel --start';
/** Before the examples: what they name. */
const BEFORE = `
mkdir -p ~/.zfunc ~/.config/fish/completions
${MACHINE}
baton machine create db1 -m 128M --kernel /srv/web1.kernel
for name in web1 web2; do echo '{"name":"'$name'","memoryMiB":128,"kernel":"/srv/web1.kernel"}' >$name.json; done
cp web2.json web1.yaml`;

const test = suite(PAGE);

test('its examples are understood, by the program and by the daemon', async () => {
  const user = await User.create({ hasDaemon: true });
  try {
    assert.is((await user.shell(`set -e\n${BEFORE}`, COMMAND_DEADLINE_MS)).exitCode, 0);
    for (const block of blocksOf(PAGE)) {
      for (const line of commandsOf(block)) {
        if (line.includes('…')) {
          console.log(`SKIP ${PAGE}:${block.line} ${line}: it is abbreviated, security.md has it in full`);
          continue;
        }
        const { exitCode, all } = await user.shell(line, IS_ENDLESS.test(line) ? 2_000 : COMMAND_DEADLINE_MS);
        const isUnderstood = !NOT_UNDERSTOOD.includes(exitCode ?? 0) || IS_NOT_HERE.test(all);
        assert.ok(isUnderstood, `${PAGE}:${block.line}: ${line} ended with ${exitCode}: ${all}`);
        if (/^baton machine delete/.test(line)) await user.shell(MACHINE, COMMAND_DEADLINE_MS);
        console.log(
          `ran  ${PAGE}:${block.line}  ${exitCode === ENDED ? 'ended by the test' : exitCode}: ${line}`,
        );
      }
    }
  } finally {
    await user.leave();
  }
});

test.run();
