/**
 * A list of QMP commands for a program that speaks QMP on its stdin and stdout: all are sent at once, `quit` last,
 * and the answers are read when it has ended. For asking a binary what it is; a running machine has a `QmpClient`.
 */
import * as protocol from '../../vmm/qmp/protocol.js';
import { type BoundedRun, runBounded } from './bounded-run.js';
import type { CommandLine } from './driver.js';
import { QmpCommandError } from './qmp-errors.js';

export interface ScriptCommand {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

export interface ScriptAnswers {
  readonly version: protocol.VersionInfo;
  /** In the order of the commands. */
  readonly replies: readonly protocol.QmpReply[];
}

const LIMITS = { deadlineMs: 15_000, maxOutputBytes: 16 * 1024 * 1024 };

/** Rejects with a sentence when the program does not speak QMP, does not end, or leaves a command unanswered. */
export async function runQmpScript(
  program: CommandLine,
  commands: readonly ScriptCommand[],
  limits: Omit<BoundedRun, 'input'> = LIMITS,
): Promise<ScriptAnswers> {
  const all = [{ execute: 'qmp_capabilities' }, ...commands, { execute: 'quit' }];
  const input = all.map((command, id) => `${JSON.stringify({ ...command, id })}\n`).join('');
  const { stdout, failure } = await runBounded(program, { ...limits, input });
  const expected = `expected ${program.file} to speak QMP on its standard output`;
  const greeting = parseLine(stdout.slice(0, Math.max(0, stdout.indexOf('\n'))));
  if (greeting === null || !protocol.isGreeting(greeting)) {
    throw new Error(`${expected}, but it ${failure ?? describeOutput(stdout)}`);
  }
  if (failure !== null) throw new Error(`${expected} and then to quit, but it ${failure}`);
  const replies = repliesById(stdout);
  return {
    version: greeting.QMP.version,
    replies: commands.map((command, index) => {
      const reply = replies.get(index + 1);
      if (reply === undefined) throw new Error(`${expected}, but it did not answer ${command.execute}`);
      return reply;
    }),
  };
}

/** What a command returned. Throws a `QmpCommandError` when it was answered with an error. */
export function returnOf(command: string, reply: protocol.QmpReply | undefined): unknown {
  if (reply === undefined) throw new Error(`expected an answer to ${command}, got none`);
  if ('error' in reply) throw new QmpCommandError(command, reply.error.class, reply.error.desc);
  return reply.return;
}

function repliesById(stdout: string): Map<unknown, protocol.QmpReply> {
  const replies = new Map<unknown, protocol.QmpReply>();
  for (const line of stdout.split('\n')) {
    const message = parseLine(line);
    if (message !== null && ('return' in message || 'error' in message)) replies.set(message.id, message);
  }
  return replies;
}

/** Null for what is no QMP message: libraries that a VMM loads may print, too. */
function parseLine(line: string): protocol.QmpServerMessage | null {
  try {
    return protocol.parseServerMessage(line);
  } catch (error) {
    if (error instanceof protocol.QmpProtocolError) return null;
    throw error;
  }
}

function describeOutput(stdout: string): string {
  const text = stdout.replace(/[\p{Cc}\p{Cf}]/gu, ' ').trim();
  return text === '' ? 'printed nothing' : `printed "${text.slice(0, 100)}"`;
}
