/**
 * A list of QMP commands for a program that speaks QMP on its stdin and stdout. All are sent at once;
 * `quit` follows when the last is answered, as a VMM that quits drops what it could not write yet. For
 * asking a binary what it is; a running machine has a `QmpClient`.
 */
import * as protocol from '../../vmm/qmp/protocol.js';
import { type BoundedRun, describeOutput, runBounded } from './bounded-run.js';
import type { CommandLine } from './driver.js';
import { QmpCommandError, QmpProtocolError } from './qmp-errors.js';
import { LineSplitter } from './qmp-lines.js';

export interface ScriptCommand {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

export interface ScriptAnswers {
  readonly version: protocol.VersionInfo;
  /** In the order of the commands. */
  readonly replies: readonly protocol.QmpReply[];
}

/** To try them all would keep everybody waiting, where a program prints without end. */
const MAX_STRANGE_LINES = 1_000;

const LIMITS = { deadlineMs: 15_000, maxOutputBytes: 16 * 1024 * 1024 };

/**
 * Rejects with a sentence when the program does not speak QMP, does not end, or leaves a command
 * unanswered. `onGreeting` is called while the program runs and is sure to be what it will be; it must not throw.
 */
export async function runQmpScript(
  program: CommandLine,
  commands: readonly ScriptCommand[],
  limits: Omit<BoundedRun, 'input' | 'onOutput'> = LIMITS,
  onGreeting: (pid: number) => void = () => undefined,
): Promise<ScriptAnswers> {
  const all = [{ execute: 'qmp_capabilities' }, ...commands];
  const input = all.map((command, id) => `${JSON.stringify({ ...command, id })}\n`).join('');
  const listener = new Listener(all.length);
  let isGreeted = false;
  const onOutput = (chunk: Buffer, pid: number) => {
    const more = listener.hear(chunk);
    if (!isGreeted && listener.version !== null) {
      isGreeted = true;
      onGreeting(pid);
    }
    return more;
  };
  const { stdout, failure } = await runBounded(program, { ...limits, input, onOutput });
  const { version, replies } = listener;
  const expected = `expected ${program.file} to speak QMP on its standard output`;
  if (version === null) throw new Error(`${expected}, but it ${failure ?? describeOutput(stdout)}`);
  if (failure !== null) throw new Error(`${expected} and then to quit, but it ${failure}`);
  return {
    version,
    replies: commands.map((command, index) => {
      const reply = replies.get(index + 1);
      if (reply === undefined) throw new Error(`${expected}, but it did not answer ${command.execute}`);
      return reply;
    }),
  };
}

/**
 * Takes what a program prints apart. Lines that are no QMP are passed over: libraries of a VMM may print,
 * too.
 */
class Listener {
  readonly replies = new Map<number, protocol.QmpReply>();
  readonly #lines = new LineSplitter();
  readonly #commandCount: number;
  #version: protocol.VersionInfo | null = null;
  #isDeaf = false;
  #strangeLines = 0;

  constructor(commandCount: number) {
    this.#commandCount = commandCount;
  }

  /** Null until the greeting. */
  get version(): protocol.VersionInfo | null {
    return this.#version;
  }

  /** `quit` at the last answer. */
  hear(chunk: Buffer): string | null {
    const before = this.replies.size;
    for (const line of this.#split(chunk)) if (!this.#isDeaf) this.#take(line);
    const isComplete = this.replies.size === this.#commandCount && before < this.#commandCount;
    return isComplete ? `${JSON.stringify({ execute: 'quit' })}\n` : null;
  }

  #split(chunk: Buffer): readonly string[] {
    if (this.#isDeaf) return [];
    try {
      return this.#lines.push(chunk);
    } catch (error) {
      if (!(error instanceof QmpProtocolError)) throw error;
      this.#isDeaf = true;
      return [];
    }
  }

  #take(line: string): void {
    const message = parseLine(line);
    if (message === null) {
      this.#strangeLines += 1;
      this.#isDeaf = this.#strangeLines > MAX_STRANGE_LINES;
      return;
    }
    if (protocol.isGreeting(message)) this.#version ??= message.QMP.version;
    else if (protocol.isReply(message) && Number.isInteger(message.id)) {
      const id = message.id as number;
      if (id >= 0 && id < this.#commandCount) this.replies.set(id, message);
    }
  }
}

/** What a command returned. Throws a `QmpCommandError` when it was answered with an error. */
export function returnOf(command: string, reply: protocol.QmpReply | undefined): unknown {
  if (reply === undefined) throw new Error(`expected an answer to ${command}, got none`);
  if ('error' in reply) throw new QmpCommandError(command, reply.error.class, reply.error.desc);
  return reply.return;
}

function parseLine(line: string): protocol.QmpServerMessage | null {
  try {
    return protocol.parseServerMessage(line);
  } catch (error) {
    if (error instanceof protocol.QmpProtocolError) return null;
    throw error;
  }
}
