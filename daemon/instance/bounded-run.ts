/**
 * Runs a program that is not to be trusted, to hear what it has to say: it gets a deadline, a limit on what it may
 * print, the environment of a VMM, and a process group of its own. When the run has ended, however it ended,
 * nothing of that group is left.
 */
import { execa } from 'execa';
import type { CommandLine } from './driver.js';
import { vmmEnvironment } from './environment.js';
import { asVmmUser } from './vmm-user.js';

export interface BoundedRun {
  /** Written to its stdin, which stays open: an end of input can make a program drop what it has not read yet. */
  readonly input: string;
  /** Told of what it prints; what this returns is written to its stdin as well. */
  readonly onOutput?: (chunk: Buffer, pid: number) => string | null;
  readonly deadlineMs: number;
  readonly maxOutputBytes: number;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Null when it ended by itself with exit code 0; otherwise how it ended, as the end of a sentence. */
  readonly failure: string | null;
}

/** Where a failure is told, this much of what it wrote to stderr is told with it. */
const LAST_LINE_CHARACTERS = 300;

export async function runBounded({ file, args }: CommandLine, run: BoundedRun): Promise<RunResult> {
  const own = asVmmUser(file, args);
  const child = execa(own.file, own.args, {
    cwd: '/',
    env: vmmEnvironment(process.env),
    extendEnv: false,
    detached: true,
    stdin: 'pipe',
    maxBuffer: run.maxOutputBytes,
    timeout: run.deadlineMs,
    killSignal: 'SIGKILL',
    stripFinalNewline: false,
    reject: false,
  });
  /* A program that ends with input unread resets its pipes; how it ended and what it printed tell more. */
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', () => undefined);
  child.stdin.write(run.input);
  child.stdout.on('data', (chunk: Buffer) => {
    const more = run.onOutput?.(chunk, child.pid ?? 0) ?? null;
    if (more !== null) child.stdin.write(more);
  });
  /* Ends what it started and left: such a process would hold the output open, and the run with it. */
  child.once('exit', () => killGroup(child.pid));
  try {
    const result = await child;
    return { stdout: result.stdout, stderr: result.stderr, failure: failureOf(result, run) };
  } finally {
    killGroup(child.pid);
  }
}

interface Ending {
  readonly timedOut: boolean;
  readonly isMaxBuffer: boolean;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly code?: string | undefined;
  readonly stderr: string;
}

function failureOf(ending: Ending, { deadlineMs, maxOutputBytes }: BoundedRun): string | null {
  if (ending.timedOut) return `did not end within ${deadlineMs} ms`;
  if (ending.isMaxBuffer) return `printed more than ${maxOutputBytes} bytes`;
  if (ending.exitCode === 0) return null;
  if (ending.exitCode === undefined && ending.signal === undefined) {
    return `could not be started (${ending.code ?? 'unknown error'})`;
  }
  const how = ending.signal === undefined ? `exit code ${ending.exitCode}` : `signal ${ending.signal}`;
  const words = lastLine(ending.stderr);
  return words === '' ? `ended with ${how}` : `ended with ${how}: "${words}"`;
}

/** Without control characters: the program chose them. */
function lastLine(text: string): string {
  const line = text.trimEnd().split('\n').at(-1) ?? '';
  return line.replace(/[\p{Cc}\p{Cf}]/gu, '').slice(0, LAST_LINE_CHARACTERS);
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What a program printed, as the end of a sentence. */
export function describeOutput(stdout: string): string {
  const text = stdout.replace(/[\p{Cc}\p{Cf}]/gu, ' ').trim();
  return text === '' ? 'printed nothing' : `printed "${text.slice(0, 100)}"`;
}
