/**
 * One ssh connection into Debian for the whole of a test, with the load behind it: every line is judged when it comes,
 * and what is wrong with one is remembered and thrown by whoever asks next.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { DEBIAN_LOAD } from '../guests/linux/debian-load.js';
import { sshArguments } from '../guests/linux/debian-system.js';
import { waitFor } from '../helpers/wait.js';

const START_DEADLINE_MS = 60_000;
const ANSWER_DEADLINE_MS = 30_000;
const END_DEADLINE_MS = 60_000;
/** Kinds of lines that are numbered from 1 on. */
const COUNTED = ['tick', 'sql', 'disk', 'memory'] as const;
const KERNEL_COMPLAINTS =
  /I\/O error|blocked for more than|WARNING|BUG|Oops|stall|lockup|EXT4-fs error|unstable/;

type Counted = (typeof COUNTED)[number];

export interface Clock {
  /** Of the guest, less the host's: between these two. */
  readonly leastMs: number;
  readonly mostMs: number;
}

export class DebianSession {
  readonly #ssh: ChildProcess;
  readonly counts: Record<Counted, number> = { tick: 0, sql: 0, disk: 0, memory: 0 };
  /** What the guest measured: a file written and synced. */
  readonly writesMs: number[] = [];
  screens = 0;
  #failure: Error | undefined;
  #stderr = '';
  #lastLineAt = performance.now();
  #longestGapMs = 0;
  #answers: string[] = [];
  #isEnding = false;

  private constructor(port: number) {
    this.#ssh = spawn('ssh', sshArguments(port, `bash -c '${DEBIAN_LOAD.replaceAll("'", "'\\''")}'`));
    this.#ssh.stdin?.on('error', () => {});
    this.#ssh.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4096);
    });
    if (this.#ssh.stdout === null) throw new Error('expected ssh to have an output');
    createInterface({ input: this.#ssh.stdout }).on('line', (line) => this.#take(line));
    this.#ssh.on('close', (code, signal) => {
      if (!this.#isEnding || code !== 0) this.#fail(`ssh ended (${signal ?? code}): ${this.#stderr}`);
    });
  }

  static async open(port: number): Promise<DebianSession> {
    const session = new DebianSession(port);
    try {
      await session.#answer('ready', START_DEADLINE_MS);
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  takeLongestGapMs(): number {
    const gapMs = Math.max(this.#longestGapMs, performance.now() - this.#lastLineAt);
    this.#longestGapMs = 0;
    return gapMs;
  }

  /** Waits until each kind of work but the slowest has gone on. */
  async worksOn(deadlineMs = 60_000): Promise<void> {
    const { tick, sql, disk } = this.counts;
    const hasGoneOn = () => {
      this.check();
      return this.counts.tick > tick + 4 && this.counts.sql > sql && this.counts.disk > disk;
    };
    await waitFor(hasGoneOn, { deadlineMs, what: 'the guest to tick, commit and write on' });
  }

  /** One look at the guest's clock, as exact as the way there and back is short. */
  async clock(): Promise<Clock> {
    const from = performance.timeOrigin + performance.now();
    const answer = Number(await this.#ask('clock')) * 1000;
    const to = performance.timeOrigin + performance.now();
    return { leastMs: answer - to, mostMs: answer - from };
  }

  /** Moves the guest's clock. */
  async setClock(byMs: number): Promise<void> {
    await this.#ask('set', `${byMs < 0 ? '' : '+'}${(byMs / 1000).toFixed(6)}`);
  }

  /** Which boot this is, and how long ago it was. */
  async life(): Promise<{ readonly bootId: string; readonly uptimeMs: number }> {
    const [bootId = '', seconds] = (await this.#ask('life')).split(' ');
    return { bootId, uptimeMs: Number(seconds) * 1000 };
  }

  /** Ends the load; fails when its results or the kernel's log are not as they must be. */
  async finish(): Promise<void> {
    this.#isEnding = true;
    this.#ssh.stdin?.write('stop\n');
    const rows = await this.#answer('rows', END_DEADLINE_MS);
    const errors = await this.#answer('errors', END_DEADLINE_MS);
    await this.#answer('done', END_DEADLINE_MS);
    const { sql } = this.counts;
    if (rows.trim() !== `${sql}|${sql} ok`) throw new Error(`expected ${sql} sound rows, got ${rows}`);
    if (KERNEL_COMPLAINTS.test(errors))
      throw new Error(`expected no complaints of the kernel, got ${errors}`);
    await waitFor(() => this.#ssh.exitCode !== null, { deadlineMs: END_DEADLINE_MS, what: 'ssh to end' });
    this.check();
  }

  close(): void {
    this.#isEnding = true;
    this.#ssh.kill('SIGKILL');
  }

  async #ask(word: string, argument = ''): Promise<string> {
    this.#ssh.stdin?.write(`${word} ${argument}\n`);
    return this.#answer(word, ANSWER_DEADLINE_MS);
  }

  async #answer(word: string, deadlineMs: number): Promise<string> {
    const find = () => {
      this.check();
      const at = this.#answers.findIndex((line) => line === word || line.startsWith(`${word} `));
      return at < 0 ? null : (this.#answers.splice(at, 1)[0] as string);
    };
    const line = await waitFor(find, { deadlineMs, pollMs: 1, what: `the guest to answer "${word}"` });
    return line.slice(word.length + 1);
  }

  #take(line: string): void {
    const now = performance.now();
    this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastLineAt);
    this.#lastLineAt = now;
    const [word = '', number, micros] = line.split(' ');
    const counted = COUNTED.find((kind) => kind === word);
    if (counted !== undefined) {
      this.counts[counted] += 1;
      if (Number(number) !== this.counts[counted])
        this.#fail(`${this.counts[counted]} was due, came ${line}`);
      if (counted === 'disk') this.writesMs.push(Number(micros) / 1000);
    } else if (word === 'top') this.screens += 1;
    else if (word === 'BAD') this.#fail(`the guest found: ${line}`);
    else this.#answers.push(line);
  }

  #fail(message: string): void {
    this.#failure ??= new Error(`expected a session without a fault, but ${message}`);
  }
}
