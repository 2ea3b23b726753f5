/**
 * A guest agent as the daemon finds it at a VMM's socket, sound or not in a way of the test's choice. What it is asked
 * for is told in a file, a JSON line each.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { listeningAt } from '../../../daemon/instance/listening.js';
import { waitFor } from '../../helpers/wait.js';

export const AGENT_BEHAVIOURS = [
  'good',
  /** Connected, and never says a word. */
  'silent',
  /** Greets with something that is no agent. */
  'garbage',
  /** After finding one another, answers with something that is no JSON. */
  'garbled-answers',
  /** What an earlier client asked for is answered first. */
  'stale',
  /** The first answer of a connection comes too late. */
  'slow',
  /** A line without end. */
  'endless-line',
  /** Lines without end. */
  'flood',
  /** An answer larger than any honest one. */
  'huge',
  /** An answer nested deeper than any honest one. */
  'deep',
  /** Hangs up in the middle of an answer. */
  'dies',
  /** Knows no command. */
  'refuses',
  /** Nothing is of the type that it should be. */
  'wrong-types',
  /** The guest has no program for notices. */
  'no-hook',
  /** The program of the guest does not end. */
  'stuck-hook',
  /** It ends with an exit code. */
  'failing-hook',
  /** Freezes, and does not say so. */
  'mute-freeze',
  'refuses-freeze',
  /** Stays frozen at the first request to thaw. */
  'stuck-thaw',
] as const;
export type AgentBehaviour = (typeof AGENT_BEHAVIOURS)[number];

export interface Asked {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

const ALLOWED_WHEN_FROZEN = /^guest-(ping|info|sync|sync-delimited|fsfreeze-status|fsfreeze-thaw)$/;
const COMMANDS = ['guest-ping', 'guest-exec', 'guest-fsfreeze-freeze', 'guest-fsfreeze-thaw'];
const LATE_MS = 400;

/** Stays when the VMM is replaced, as a guest does: so it is in files beside the one in which things are told. */
class FakeGuest {
  readonly #path: string;
  #lastPid = 0;

  constructor(path: string) {
    this.#path = path;
  }

  get isFrozen(): boolean {
    return existsSync(`${this.#path}.frozen`);
  }

  set isFrozen(isFrozen: boolean) {
    if (isFrozen) writeFileSync(`${this.#path}.frozen`, '');
    else rmSync(`${this.#path}.frozen`, { force: true });
  }

  /** Whether this is the first time. */
  thawed(): boolean {
    const path = `${this.#path}.thawed`;
    const isFirst = !existsSync(path);
    writeFileSync(path, '');
    return isFirst;
  }

  started(): number {
    this.#lastPid += 1;
    return this.#lastPid;
  }
}

class Refusal extends Error {}

export function serveAgent(path: string, behaviour: AgentBehaviour, toldAt: string): void {
  createServer((socket) => {
    socket.on('error', () => undefined);
    new Session(socket, behaviour, toldAt).start();
  }).listen(path);
}

class Session {
  readonly #socket: Socket;
  readonly #behaviour: AgentBehaviour;
  readonly #toldAt: string;
  readonly #guest: FakeGuest;
  #answers = 0;
  #text = '';

  constructor(socket: Socket, behaviour: AgentBehaviour, toldAt: string) {
    this.#socket = socket;
    this.#behaviour = behaviour;
    this.#toldAt = toldAt;
    this.#guest = new FakeGuest(toldAt);
  }

  start(): void {
    if (this.#behaviour === 'stale')
      this.#socket.write('"return": {}}\n{"return": 5}\n\xff{"return": 7}\n', 'latin1');
    if (this.#behaviour === 'garbage') this.#socket.write('\xffSSH-2.0-OpenSSH_9.2\r\n', 'latin1');
    if (this.#behaviour === 'endless-line') this.#endlessly('\xff{"return": "', 'x'.repeat(65_536));
    if (this.#behaviour === 'flood') this.#endlessly('\xff', '{"return": {}}\n'.repeat(1_000));
    this.#socket.on('data', (chunk) => {
      this.#text += chunk.toString('latin1').replaceAll('\xff', '');
      const lines = this.#text.split('\n');
      this.#text = lines.pop() ?? '';
      for (const line of lines) this.#hear(JSON.parse(line));
    });
  }

  #endlessly(first: string, piece: string): void {
    this.#socket.write(first, 'latin1');
    const more = () => {
      while (this.#socket.writable && this.#socket.write(piece));
      this.#socket.once('drain', more);
    };
    more();
  }

  #hear(asked: Omit<Asked, 'atMs'>): void {
    appendFileSync(this.#toldAt, `${JSON.stringify({ ...asked, atMs: Date.now() })}\n`);
    if (['silent', 'garbage', 'endless-line', 'flood'].includes(this.#behaviour)) return;
    const { execute, arguments: args = {} } = asked;
    if (execute === 'guest-sync-delimited') {
      this.#socket.write(`\xff${JSON.stringify({ return: args.id })}\n`, 'latin1');
      return;
    }
    this.#answers += 1;
    if (this.#behaviour === 'slow' && this.#answers === 1) {
      setTimeout(() => this.#socket.write('{"return": "late"}\n'), LATE_MS);
      return;
    }
    if (this.#spoil()) return;
    try {
      const answer = this.#answer(execute, args);
      if (answer !== undefined) this.#socket.write(`${JSON.stringify({ return: answer })}\n`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const refusal = { class: 'CommandNotFound', desc: error.message };
      this.#socket.write(`${JSON.stringify({ error: refusal })}\n`);
    }
  }

  /** Whether it answers in a way that no agent does. */
  #spoil(): boolean {
    switch (this.#behaviour) {
      case 'garbled-answers':
        return this.#socket.write('certainly!\n');
      case 'huge':
        return this.#socket.write(`{"return": "${'x'.repeat(300_000)}"}\n`) || true;
      case 'deep':
        return this.#socket.write(`{"return": ${'['.repeat(60_000)}${']'.repeat(60_000)}}\n`) || true;
      case 'dies':
        this.#socket.end('{"return": {"ver');
        return true;
      case 'wrong-types':
        return this.#socket.write(
          `${JSON.stringify({ return: { version: 5, 'host-name': 'a\u001b[31mb\u202e', supported_commands: 'all', pid: 'x' } })}\n`,
        );
      default:
        return false;
    }
  }

  #answer(execute: string, args: Readonly<Record<string, unknown>>): unknown {
    if (this.#behaviour === 'refuses') throw new Refusal(`The command ${execute} has not been found`);
    if (this.#guest.isFrozen && !ALLOWED_WHEN_FROZEN.test(execute)) {
      throw new Refusal(`Command ${execute} has been disabled: the agent is in frozen state`);
    }
    switch (execute) {
      case 'guest-ping':
        return {};
      case 'guest-info':
        return { version: '9.1.0', supported_commands: COMMANDS.map((name) => ({ name, enabled: true })) };
      case 'guest-get-host-name':
        return { 'host-name': 'db1' };
      case 'guest-get-osinfo':
        return {
          id: 'debian',
          'pretty-name': 'Debian GNU/Linux 13',
          'kernel-release': '6.12',
          machine: 'riscv64',
        };
      case 'guest-network-get-interfaces':
        return [
          {
            name: 'lo',
            'ip-addresses': [{ 'ip-address': '127.0.0.1', 'ip-address-type': 'ipv4', prefix: 8 }],
          },
          { name: 'eth0', 'hardware-address': '52:54:00:00:00:01' },
        ];
      case 'guest-get-fsinfo':
        return [
          { name: 'vda1', mountpoint: '/', type: 'ext4', 'used-bytes': 5, 'total-bytes': 10, disk: [] },
        ];
      case 'guest-fsfreeze-status':
        return this.#guest.isFrozen ? 'frozen' : 'thawed';
      case 'guest-fsfreeze-freeze':
        return this.#freeze();
      case 'guest-fsfreeze-thaw':
        return this.#thaw();
      case 'guest-exec':
        return this.#exec(args);
      case 'guest-exec-status':
        return this.#status();
      default:
        throw new Refusal(`The command ${execute} has not been found`);
    }
  }

  #freeze(): unknown {
    if (this.#behaviour === 'refuses-freeze')
      throw new Refusal('failed to freeze /: Operation not supported');
    this.#guest.isFrozen = true;
    return this.#behaviour === 'mute-freeze' ? undefined : 1;
  }

  #thaw(): unknown {
    const isFirst = this.#guest.thawed();
    if (this.#behaviour === 'stuck-thaw' && isFirst) return undefined;
    const thawed = Number(this.#guest.isFrozen);
    this.#guest.isFrozen = false;
    return thawed;
  }

  #exec({ path }: Readonly<Record<string, unknown>>): unknown {
    if (this.#behaviour === 'no-hook') {
      throw new Refusal(`Failed to execute child process “${path}” (No such file or directory)`);
    }
    return { pid: this.#guest.started() };
  }

  #status(): unknown {
    if (this.#behaviour === 'stuck-hook') return { exited: false };
    return { exited: true, exitcode: this.#behaviour === 'failing-hook' ? 3 : 0 };
  }
}

export function readAsked(path: string): Asked[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Asked);
}

/** In a process of its own; the test ends it. */
export async function startAgent(
  path: string,
  behaviour: AgentBehaviour,
  toldAt: string,
): Promise<ChildProcess> {
  const args = [path, behaviour, toldAt].map((word) => JSON.stringify(word)).join(', ');
  const code = `import { serveAgent } from ${JSON.stringify(import.meta.url)}; serveAgent(${args});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  // The file is there a moment before it can be connected to.
  await waitFor(listeningAt(path), { what: 'the agent to listen' });
  return child;
}
