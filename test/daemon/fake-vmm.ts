/**
 * Targets that misbehave in ways a sound VMM will not show. Speaks the command line of baton-vmm and as much QMP
 * and CPR as is needed to come to the point where it goes wrong. Run by a module that the test writes:
 * `import { run } from '…/fake-vmm.js'; run('<behaviour>')`.
 */
import { appendFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export const BEHAVIOURS = [
  /** Says why on stderr and exits, as a VMM that refuses its command line. */
  'refuses-options',
  /** Never listens. */
  'never-listens',
  /** Takes the descriptors and dies. */
  'dies-after-descriptors',
  /** Takes the descriptors and never opens a monitor. */
  'no-monitor',
  /** Greets, and answers nothing. */
  'mute-monitor',
  /** Greets with something that is no QMP. */
  'garbage-monitor',
  /** Sends a line without end. */
  'endless-line',
  /** Refuses migrate-incoming. */
  'refuses-incoming',
  /** Reads the stream, says that it could not load it, stays. */
  'rejects-load',
  /** Hangs up in the middle of the stream. */
  'cuts-stream',
  /** Dies when the stream has come. */
  'dies-loading',
  /** Reads the stream and never says a word again. */
  'hangs-loading',
  /** Says that it has loaded, but runs already. */
  'runs-unasked',
  /** Loads, and refuses `cont`. */
  'refuses-cont',
  /** Loads, and never answers `cont`. */
  'mute-cont',
  /** Loads, and dies when it is told to run. */
  'dies-at-cont',
  /** Says that it has more processors than it was told to have. */
  'other-processors',
  /** Cannot load the state of an empty machine. */
  'rejects-rehearsal',
  /** A target as it should be, without a guest. */
  'behaves',
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

const RETURN_PATH_LOADED = Buffer.from([0, 1, 0, 4, 0, 0, 0, 0]);
const RETURN_PATH_FAILED = Buffer.from([0, 1, 0, 4, 0, 0, 0, 1]);
const GREETING = {
  QMP: { version: { qemu: { major: 11, minor: 1, micro: 0 }, package: 'fake' }, capabilities: [] },
};

function argument(pattern: RegExp): string {
  const found = process.argv.map((word) => pattern.exec(word)?.[1]).find((value) => value !== undefined);
  if (found === undefined)
    throw new Error(`expected an argument like ${pattern} in ${process.argv.join(' ')}`);
  return found;
}

class FakeTarget {
  readonly #behaviour: Behaviour;
  readonly #servers: Server[] = [];
  #monitor: Socket | null = null;
  #status = { running: false, status: 'inmigrate' };
  #cpr: Socket | null = null;

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour;
  }

  start(): void {
    if (this.#behaviour === 'refuses-options') {
      process.stderr.write('fake-vmm: -machine virt: this fake refuses everything\n');
      process.exit(1);
    }
    if (this.#behaviour === 'never-listens') {
      setInterval(() => undefined, 1_000);
      return;
    }
    this.#listen(argument(/"path":"([^"]+)"/), (socket) => this.#takeDescriptors(socket));
  }

  #listen(path: string, onConnection: (socket: Socket) => void): void {
    this.#servers.push(
      createServer({ allowHalfOpen: true }, (socket) => {
        socket.on('error', () => undefined);
        onConnection(socket);
      }).listen(path),
    );
  }

  #takeDescriptors(socket: Socket): void {
    this.#cpr = socket;
    socket.resume();
    socket.on('end', () => {
      if (this.#behaviour === 'dies-after-descriptors') {
        process.stderr.write('fake-vmm: died after the descriptors\n');
        process.exit(3);
      }
      if (this.#behaviour === 'no-monitor') return;
      this.#listen(argument(/^unix:(.*),server=on,wait=off$/), (monitor) => this.#serveMonitor(monitor));
    });
  }

  #serveMonitor(monitor: Socket): void {
    this.#monitor = monitor;
    if (this.#behaviour === 'garbage-monitor') {
      monitor.write('SSH-2.0-OpenSSH_9.2\r\n');
      return;
    }
    if (this.#behaviour === 'endless-line') {
      const more = () => {
        while (monitor.write('x'.repeat(65_536)));
        monitor.once('drain', more);
      };
      more();
      return;
    }
    this.#send(GREETING);
    if (this.#behaviour === 'mute-monitor') return;
    let text = '';
    monitor.on('data', (chunk) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) this.#execute(JSON.parse(line));
    });
  }

  #execute({
    execute,
    arguments: args,
    id,
  }: {
    execute: string;
    arguments: Record<string, string>;
    id: number;
  }) {
    const answer = (value: unknown) => this.#send({ return: value, id });
    const refuse = (desc: string, errorClass = 'GenericError') =>
      this.#send({ error: { class: errorClass, desc }, id });
    switch (execute) {
      case 'query-status':
        answer(this.#status);
        return;
      case 'query-migrate':
        answer({ status: 'failed', 'error-desc': 'the fake did not like it' });
        return;
      case 'migrate-incoming':
        if (this.#behaviour === 'refuses-incoming') {
          refuse('the fake refuses incoming');
          return;
        }
        this.#listen((args.uri ?? '').replace('unix:', ''), (socket) => this.#load(socket));
        answer({});
        setTimeout(() => this.#cpr?.destroy(), 20);
        return;
      case 'cont':
        this.#continue(answer, refuse);
        return;
      case 'quit':
        answer({});
        process.exit(0);
        return;
      case 'query-cpus-fast':
        if (this.#behaviour !== 'other-processors') refuse('the fake does not say', 'CommandNotFound');
        else answer([0, 1].map((index) => ({ 'cpu-index': index, props: {}, target: 'riscv64' })));
        return;
      default:
        if (execute.startsWith('query-') || execute.startsWith('qom-')) {
          refuse(`the fake does not know ${execute}`, 'CommandNotFound');
        } else answer({});
    }
  }

  #continue(answer: (value: unknown) => void, refuse: (desc: string) => void): void {
    if (this.#behaviour === 'refuses-cont') {
      refuse('the fake could not get the write lock');
      return;
    }
    if (this.#behaviour === 'mute-cont') return;
    if (this.#behaviour === 'dies-at-cont') process.exit(4);
    this.#status = { running: true, status: 'running' };
    this.#event('RESUME', {});
    answer({});
  }

  #load(socket: Socket): void {
    if (this.#behaviour === 'cuts-stream') {
      socket.once('data', () => socket.destroy());
      return;
    }
    if (this.#behaviour === 'hangs-loading') {
      socket.resume();
      return;
    }
    let isDone = false;
    socket.on('data', () => {
      /* The state is a few KiB and comes as one piece or nearly so; what matters is what we say of it. */
      if (isDone) return;
      isDone = true;
      if (this.#behaviour === 'dies-loading') {
        process.stderr.write('fake-vmm: section cpu: this fake dies loading\n');
        process.exit(5);
      }
      setTimeout(() => this.#judge(socket), 50);
    });
  }

  #judge(socket: Socket): void {
    if (this.#behaviour === 'rejects-load') {
      socket.write(RETURN_PATH_FAILED);
      this.#event('MIGRATION', { status: 'failed' });
      return;
    }
    const runs = this.#behaviour === 'runs-unasked';
    this.#status = runs ? { running: true, status: 'running' } : { running: false, status: 'paused' };
    socket.write(RETURN_PATH_LOADED);
    this.#event('MIGRATION', { status: 'completed' });
  }

  #event(event: string, data: object): void {
    const nowUs = (performance.timeOrigin + performance.now()) * 1000;
    const timestamp = { seconds: Math.floor(nowUs / 1e6), microseconds: Math.floor(nowUs % 1e6) };
    this.#send({ event, data, timestamp });
  }

  #send(message: object): void {
    this.#monitor?.write(`${JSON.stringify(message)}\r\n`);
  }
}

const SCHEMA = [
  { name: 'migrate-set-parameters', 'meta-type': 'command', 'arg-type': '0' },
  { name: '0', 'meta-type': 'object', members: [{ name: 'mode', type: '1' }] },
  { name: '1', 'meta-type': 'enum', values: ['cpr-transfer'] },
  { name: 'migrate', 'meta-type': 'command', 'arg-type': '2' },
  { name: '2', 'meta-type': 'object', members: [{ name: 'channels', type: '[3]' }] },
  { name: '[3]', 'meta-type': 'array', 'element-type': '3' },
  { name: '3', 'meta-type': 'object', members: [{ name: 'channel-type', type: '4' }] },
  { name: '4', 'meta-type': 'enum', values: ['main', 'cpr'] },
];

/** What the daemon asks a binary that is registered. */
function answerQuestions(): void {
  const send = (message: object) => process.stdout.write(`${JSON.stringify(message)}\r\n`);
  send({ QMP: { version: { ...GREETING.QMP.version, package: 'fake-vmm 9.9.9' }, capabilities: [] } });
  createInterface({ input: process.stdin }).on('line', (line) => {
    const { execute, id } = JSON.parse(line) as { execute: string; id?: number };
    send({ return: execute === 'query-qmp-schema' ? SCHEMA : {}, id });
    if (execute === 'quit') process.exit(0);
  });
}

/** What goes wrong is meant for upgrades: a rehearsal would tell of it before. */
function inThisPlace(behaviour: Behaviour): Behaviour {
  const isRehearsal = process.argv.some((word) => word.includes('/trial/'));
  if (behaviour === 'rejects-rehearsal') return isRehearsal ? 'rejects-load' : 'behaves';
  return isRehearsal ? 'behaves' : behaviour;
}

/** Also asked what it is. */
export function run(behaviour: Behaviour): void {
  if (process.argv.includes('none') && process.argv.includes('stdio')) {
    answerQuestions();
    return;
  }
  appendFileSync(2, `fake-vmm: ${behaviour}\n`);
  new FakeTarget(inThisPlace(behaviour)).start();
}
