/** The human monitor of the real VMM: a session on its socket, and the same lines given to real QEMU beside it. */
import { spawn } from 'node:child_process';
import { createConnection, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor } from '../../helpers/wait.js';
import { QmpClient } from '../qmp-client.js';
import { ticksOn, VmmHost, type VmmProcess } from '../vmm-process.js';

interface Context {
  host: VmmHost;
  vmm: VmmProcess;
}

const test = suite<Context>('human monitor');

test.before.each(async (context) => {
  context.host = await VmmHost.create();
  const monitor = `unix:${context.host.path}/hmp,server=on,wait=off`;
  context.vmm = await context.host.launch({ extra: ['-monitor', monitor] });
});

test.after.each(async ({ host }) => host.remove());

/** Somebody at the monitor: types lines, reads what comes before the next prompt. */
class Person {
  readonly #socket: Socket;
  #text = '';
  isGone = false;

  constructor(path: string) {
    this.#socket = createConnection(path);
    this.#socket.on('data', (chunk) => {
      this.#text += chunk.toString('latin1');
    });
    this.#socket.on('close', () => {
      this.isGone = true;
    });
    this.#socket.on('error', () => undefined);
  }

  async untilPrompt(): Promise<string> {
    await waitFor(() => this.#text.endsWith('(qemu) '), { what: 'a prompt' });
    const text = this.#text.slice(0, -'(qemu) '.length);
    this.#text = '';
    return text;
  }

  type(text: string): void {
    this.#socket.write(text);
  }

  /** The answer, without the echo of the line. */
  async say(line: string): Promise<string> {
    this.type(`${line}\n`);
    const text = await this.untilPrompt();
    return text.slice(text.indexOf('\r\n') + 2);
  }

  leave(): void {
    this.#socket.destroy();
  }
}

async function personAt({ host, vmm }: Context): Promise<Person> {
  const monitor = await vmm.monitor();
  assert.is(monitor.isClosed, false);
  return new Person(`${host.path}/hmp`);
}

test('greets, prompts, and does what it is told', async (context) => {
  const person = await personAt(context);
  assert.match(
    await person.untilPrompt(),
    /^QEMU \d+\.\d+\.\d+ monitor - type 'help' for more information\r\n$/,
  );
  assert.is(await person.say('info status'), 'VM status: running\r\n');
  assert.is(await person.say('stop'), '');
  assert.is(await person.say('info status'), 'VM status: paused\r\n');
  assert.is(await person.say('c'), '');
  await ticksOn(context.vmm);
  assert.is(await person.say(''), '');
  person.type('quit\n');
  assert.is(await context.vmm.exitCode(), 0);
});

test('registers are those of the guest, while it runs too', async (context) => {
  const person = await personAt(context);
  await person.untilPrompt();
  const running = await person.say('info registers');
  assert.match(running, /^\r\nCPU#0\r\n priv {10}S\r\n pc {12}00000000802\w{5}\r\n/);
  await person.say('stop');
  assert.is(await person.say('info registers'), await person.say('info registers'));
});

test('lines typed ahead are done in order, one client at a time, the next when the first has gone', async (context) => {
  const first = await personAt(context);
  await first.untilPrompt();
  first.type('stop\ninfo status\ncont\ninfo status\nhelp nonsense\n');
  let text = '';
  await waitFor(
    async () => {
      text += await first.untilPrompt();
      return text.includes("unknown command: 'nonsense'");
    },
    { what: 'the answer to the last line' },
  );
  assert.match(text, /VM status: paused\r\n.*VM status: running\r\n/s);
  const second = new Person(`${context.host.path}/hmp`);
  first.leave();
  assert.match(await second.untilPrompt(), /^QEMU /);
});

test('a person who types garbage or never reads harms nobody', async (context) => {
  const person = await personAt(context);
  person.type(`\x00\xff\x1b[999999999999999999999;x${'\x1b['.repeat(1_000)}\n`);
  person.type('info registers\n'.repeat(3_000));
  await ticksOn(context.vmm);
  person.leave();
  const next = new Person(`${context.host.path}/hmp`);
  assert.match(await next.untilPrompt(), /^QEMU /);
});

test('human-monitor-command returns what the monitor would print', async ({ vmm }) => {
  const monitor = await vmm.monitor();
  const ask = (line: string) => monitor.execute('human-monitor-command', { 'command-line': line });
  assert.is(await ask('info status'), 'VM status: running\r\n');
  assert.is(
    await ask('migrate_set_parameter mode nonsense'),
    "Error: Parameter 'mode' does not accept value 'nonsense'\r\n",
  );
});

test.run();

/** Lines whose answers are the same to the letter, in this order. */
const SAME = [
  'info status',
  'stop',
  'info status',
  'cont',
  'info status',
  'info migrate',
  'nonsense',
  'info nonsense',
  'help nonsense',
  'migrate_set_parameter mode cpr-transfer',
  'migrate_set_parameter mode nonsense',
  'migrate_set_parameter nonsense 1',
  'migrate_set_parameter',
  'migrate -d unix:/nowhere/main.sock',
  'migrate_set_parameter mode normal',
  'migrate_set_capability events on',
  'migrate_set_capability events maybe',
  'migrate_set_capability nonsense on',
  'migrate_cancel',
  'migrate',
  'migrate a b',
  'migrate -x a',
  'info uuid',
  'info name',
  'info block',
  'info network',
  'info memory_size_summary',
  'help migrate_incoming',
  'help info status',
  'stop extra',
  'info status extra',
  'info registers -x',
  'info registers 5',
  'info registers x',
  'info kvm',
  'info numa',
  'info iothreads',
  'info memory-devices',
  'info hotpluggable-cpus',
  'system_reset',
  'migrate_incoming unix:/nowhere/main.sock',
];

const beside = suite<{ host: VmmHost }>('human monitor, beside QEMU');

beside.before.each(async (context) => {
  context.host = await VmmHost.create();
});
beside.after.each(async ({ host }) => host.remove());

function answers(monitor: QmpClient, lines: readonly string[]): Promise<unknown[]> {
  return lines.reduce<Promise<unknown[]>>(
    async (before, line) => [
      ...(await before),
      [line, await monitor.execute('human-monitor-command', { 'command-line': line })],
    ],
    Promise.resolve([]),
  );
}

const qemu = findInCache().qemu('11.1', 'riscv64');
if ('missing' in qemu) {
  skipSuite('human monitor, beside QEMU', qemu.missing);
} else {
  beside('the same lines get the same answers', async ({ host }) => {
    const uuid = ['-uuid', '550e8400-e29b-41d4-a716-446655440000', '-name', 'web1'];
    const ours = await host.launch({ stopped: true, extra: uuid });
    const qmp = `${host.path}/qemu-qmp`;
    const [file = '', ...prefix] = qemu.argvPrefix;
    const args = [
      ...[
        '-machine',
        'virt,memory-backend=ram0,aux-ram-share=on',
        '-m',
        '64M',
        '-display',
        'none',
        '-nodefaults',
      ],
      ...['-object', 'memory-backend-memfd,id=ram0,size=64M,share=on', '-bios', 'none', '-S', ...uuid],
      ...['-qmp', `unix:${qmp},server=on,wait=off`],
    ];
    const child = spawn(file, [...prefix, ...args], { stdio: 'ignore' });
    try {
      const theirs = await QmpClient.ready(qmp);
      assert.equal(await answers(await ours.monitor(), SAME), await answers(theirs, SAME));
    } finally {
      child.kill('SIGKILL');
      await waitFor(() => child.exitCode !== null || child.signalCode !== null, { what: 'the end of QEMU' });
    }
  });
  beside.run();
}
