/**
 * The terminal sessions of QEMU's CPR document and of the series that proposed the modes, typed line by line: options,
 * relative paths, commands and answers as they are there. Only sizes, and what `...` stands for, are ours.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ticker } from '../guests/ticker.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';

const MAIN = fileURLToPath(new URL('../../vmm/baton-vmm.cjs', import.meta.url));
const PROMPT = '(qemu) ';
const BANNER = /QEMU \d+\.\d+\.\d+ monitor - type 'help' for more information\r\n/;

interface Context {
  dir: TempDir;
  terminals: Terminal[];
}

const test = suite<Context>('terminal sessions of the documents');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.terminals = [];
  await writeFile(`${context.dir.path}/kernel`, ticker({ patternMiB: 1 }).bytes);
});

test.after.each(async ({ dir, terminals }) => {
  for (const terminal of terminals) await terminal.close();
  await dir.remove();
});

/** A person with a VMM on its stdio. */
class Terminal {
  readonly #child: ChildProcessWithoutNullStreams;
  #screen = '';

  constructor(folder: string, command: string) {
    this.#child = spawn(process.execPath, [MAIN, ...words(command)], { cwd: folder });
    this.#child.stdout.on('data', (bytes: Buffer) => {
      this.#screen += bytes.toString('latin1');
    });
    this.#child.stderr.on('data', (bytes: Buffer) => {
      this.#screen += bytes.toString('latin1');
    });
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Reads what there is up to the next prompt. */
  async untilPrompt(): Promise<string> {
    await waitFor(() => this.#screen.endsWith(PROMPT) || this.hasEnded, {
      what: 'a prompt',
      deadlineMs: 20_000,
    });
    const text = this.#screen;
    this.#screen = '';
    assert.ok(text.endsWith(PROMPT), text);
    return text.slice(0, -PROMPT.length);
  }

  type(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** What the monitor answers to a line, without the echo. */
  async say(line: string): Promise<string> {
    this.type(line);
    const text = await this.untilPrompt();
    return text.slice(text.indexOf('\r\n') + 2);
  }

  /** The session shows it at once; a state takes its time to be reached. */
  async until(line: string, answer: string): Promise<void> {
    await waitFor(async () => (await this.say(line)) === answer, {
      what: `${line}: ${answer}`,
      deadlineMs: 20_000,
    });
  }

  /** For QMP: waits until the screen shows it. */
  async shows(pattern: RegExp): Promise<void> {
    await waitFor(() => pattern.test(this.#screen), { what: `${pattern}, got ${this.#screen}` });
    this.#screen = '';
  }

  async close(): Promise<void> {
    if (!this.hasEnded) this.#child.kill('SIGKILL');
    await waitFor(() => this.hasEnded, { what: 'the end' });
  }
}

/** As a shell takes them apart. */
function words(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

function open({ dir, terminals }: Context, command: string): Terminal {
  const terminal = new Terminal(dir.path, command);
  terminals.push(terminal);
  return terminal;
}

const REST = '-kernel kernel -nodefaults -display none -serial file:console,append=on';
const SHARED =
  '-object memory-backend-memfd,id=ram0,size=64M -machine memory-backend=ram0 -machine aux-ram-share=on';
const RUNNING = 'VM status: running\r\n';
const POSTMIGRATE = 'VM status: paused (postmigrate)\r\n';
const INMIGRATE = 'VM status: paused (inmigrate)\r\n';

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

test('cpr-reboot, example 1: RAM stays in its file', async (context) => {
  const ram = '-object memory-backend-file,id=ram0,size=64M,mem-path=dax0.0,align=2M,share=on -m 64M';
  const command = `-monitor stdio ${ram} -machine memory-backend=ram0 ${REST}`;
  const old = open(context, command);
  assert.match(await old.untilPrompt(), BANNER);
  assert.is(await old.say('info status'), RUNNING);
  assert.is(await old.say('migrate_set_parameter mode cpr-reboot'), '');
  assert.is(await old.say('migrate_set_capability x-ignore-shared on'), '');
  assert.is(await old.say('migrate -d file:vm.state'), '');
  await old.until('info status', POSTMIGRATE);
  old.type('quit');
  await waitFor(() => old.hasEnded, { what: 'the end of the old one' });
  const next = open(context, `${command} -incoming defer`);
  await next.untilPrompt();
  assert.is(await next.say('info status'), INMIGRATE);
  assert.is(await next.say('migrate_set_parameter mode cpr-reboot'), '');
  assert.is(await next.say('migrate_set_capability x-ignore-shared on'), '');
  assert.is(await next.say('migrate_incoming file:vm.state'), '');
  await next.until('info status', RUNNING);
});

for (const incoming of ['tcp', 'defer'] as const) {
  test(`cpr-transfer, example with incoming ${incoming}: QMP here, the human monitor there`, async (context) => {
    const port = await freePort();
    const ram = '-object memory-backend-file,id=ram0,size=64M,mem-path=ram0,share=on -m 64M';
    const common = `${ram} -machine memory-backend=ram0 -machine aux-ram-share=on ${REST}`;
    const old = open(context, `-qmp stdio ${common}`);
    await old.shows(/"QMP"/);
    const main = incoming === 'tcp' ? `tcp:0:${port}` : 'defer';
    const cpr = `'{"channel-type": "cpr", "addr": { "transport": "socket", "type": "unix", "path": "cpr.sock"}}'`;
    const next = open(context, `-monitor stdio ${common} -incoming ${main} -incoming ${cpr}`);
    old.type('{"execute":"qmp_capabilities"}');
    await old.shows(/\{"return": \{\}\}/);
    old.type('{"execute": "query-status"}');
    await old.shows(/"status": "running"/);
    old.type('{"execute":"migrate-set-parameters",\n "arguments":{"mode":"cpr-transfer"}}');
    await old.shows(/\{"return": \{\}\}/);
    const channels = `[
    {"channel-type": "main",
     "addr": { "transport": "socket", "type": "inet",
               "host": "0", "port": "${port}" }},
    {"channel-type": "cpr",
     "addr": { "transport": "socket", "type": "unix",
               "path": "cpr.sock" }}]`;
    const migrate = `{"execute": "migrate", "arguments": { "channels": ${channels}}}`;
    // The session assumes that the other terminal has come so far.
    await waitFor(() => existsSync(`${context.dir.path}/cpr.sock`), { what: 'the target to listen' });
    old.type(migrate);
    await old.shows(/\{"return": \{\}\}/);
    assert.match(await next.untilPrompt(), BANNER);
    if (incoming === 'defer') {
      assert.is(await next.say('info status'), INMIGRATE);
      assert.is(await next.say(`migrate_incoming tcp:0:${port}`), '');
    }
    await next.until('info status', RUNNING);
    old.type('{"execute": "query-status"}');
    await old.shows(/"status": "postmigrate"/);
  });
}

for (const incoming of ['file:vm.state', 'defer'] as const) {
  test(`cpr-exec, example with incoming ${incoming}: the new monitor is on the same terminal`, async (context) => {
    const command = `-monitor stdio ${SHARED} -m 64M ${REST}`;
    const terminal = open(context, command);
    assert.match(await terminal.untilPrompt(), BANNER);
    assert.is(await terminal.say('info status'), RUNNING);
    assert.is(await terminal.say('migrate_set_parameter mode cpr-exec'), '');
    const next = `${process.execPath} ${MAIN} ${command} -incoming ${incoming}`;
    assert.is(await terminal.say(`migrate_set_parameter cpr-exec-command ${next}`), '');
    assert.is(await terminal.say('migrate -d file:vm.state'), '');
    assert.match(await terminal.untilPrompt(), BANNER);
    if (incoming === 'defer') {
      assert.is(await terminal.say('info status'), INMIGRATE);
      assert.is(await terminal.say('migrate_incoming file:vm.state'), '');
    }
    await terminal.until('info status', RUNNING);
  });
}

test('cpr-transfer as first proposed: parameter and option cpr-uri, anon-alloc=memfd', async (context) => {
  const ram = '-object memory-backend-file,id=ram0,size=64M,mem-path=ram0,share=on -m 64M';
  const common = `-monitor stdio ${ram} -machine anon-alloc=memfd,memory-backend=ram0 ${REST}`;
  const old = open(context, common);
  assert.match(await old.untilPrompt(), BANNER);
  const next = open(context, `${common} -incoming unix:vm.sock -cpr-uri unix:cpr.sock`);
  assert.is(await old.say('info status'), RUNNING);
  assert.is(await old.say('migrate_set_parameter mode cpr-transfer'), '');
  assert.is(await old.say('migrate_set_parameter cpr-uri unix:cpr.sock'), '');
  await waitFor(() => existsSync(`${context.dir.path}/cpr.sock`), { what: 'the target to listen' });
  assert.is(await old.say('migrate -d unix:vm.sock'), '');
  await old.until('info status', POSTMIGRATE);
  assert.match(await next.untilPrompt(), BANNER);
  await next.until('info status', RUNNING);
});

test.run();
