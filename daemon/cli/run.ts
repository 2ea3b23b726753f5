/** One call of `baton`: reads the command line, performs one command, and says how it ended by an exit code. */
import type { BatonClient } from '../client/index.js';
import type { CommandSpec, Completion } from './command.js';
import { connect } from './connect.js';
import { type Context, Interrupted, TimedOut } from './context.js';
import { EXIT_CODES, exitOf, SIGNAL_BASE } from './exit-codes.js';
import type { GlobalValues } from './global-options.js';
import { Output, type Stream } from './output/output.js';
import { wantsColour } from './output/style.js';
import { CommanderError, calledPath, makeProgram } from './parser.js';
import type { Asked } from './report.js';

export interface Surroundings {
  readonly process: NodeJS.Process;
  readonly version: string;
}

const ENDING_SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;
const SIGPIPE = 13;
/** For a command to say how far it came when its time is over. */
const LAST_WORDS_MS = 1_000;

/** Resolves with the exit code; never rejects. */
export async function run(argv: readonly string[], { process, version }: Surroundings): Promise<number> {
  const { stdout, stderr } = process;
  endWhenNobodyReads(process);
  if (argv.length === 1 && argv[0] === '--version') {
    stdout.write(`baton ${version}\n`);
    return EXIT_CODES.done.code;
  }
  let client: BatonClient | null = null;
  let globals: GlobalValues = {};
  let asked: Asked = { machines: [], builds: [] };
  let out = makeOutput(process, globals);
  const perform = async (
    spec: CommandSpec,
    values: { args: Record<string, unknown>; options: Record<string, unknown>; globals: GlobalValues },
  ) => {
    globals = values.globals;
    asked = askedOf(spec, values);
    out = makeOutput(process, globals);
    client = connect(globals, process.env, (line) => out.note(line));
    const context: Context = {
      client,
      out,
      input: process.stdin,
      environment: process.env,
      json: globals.json === true,
      signal: spec.isInteractive ? abortedBySignals(process) : endingOf(process, globals),
      version,
    };
    const done = spec.run(context, values.args, values.options);
    await Promise.race([done, overtime(context.signal)]);
  };
  try {
    const program = await makeProgram(calledPath(argv), {
      perform,
      version,
      write: (text) => stdout.write(text),
      writeError: (text) => stderr.write(text),
      columns: stdout.isTTY ? stdout.columns : null,
    });
    await program.parseAsync(argv, { from: 'user' });
    return EXIT_CODES.done.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CODES.usage.code;
    if (error instanceof Interrupted) return SIGNAL_BASE + error.signalNumber;
    const { report } = await import('./report.js');
    await report(error, { out, json: globals.json === true, client, asked });
    return EXIT_CODES[exitOf(error)].code;
  } finally {
    (client as BatonClient | null)?.close();
  }
}

function makeOutput({ stdout, stderr, env }: NodeJS.Process, { color }: GlobalValues): Output {
  const isColoured = (stream: Stream) => wantsColour(color, stream.isTTY === true, env);
  return new Output({ stdout, stderr, isColoured, nowMs: Date.now });
}

/** The names on the command line, by what they are names of. */
function askedOf({ args, options }: CommandSpec, values: { args: object; options: object }): Asked {
  const given = { ...values.args, ...values.options } as Readonly<Record<string, unknown>>;
  const named = (kind: Completion) =>
    Object.entries({ ...args, ...options })
      .filter(([, { completion }]) => completion === kind)
      .flatMap(([name]) => (given[name] ?? []) as string | string[]);
  return { machines: named('machines'), builds: named('builds') };
}

/** `baton … | head`: what reads has had enough, which is nothing to complain of. */
function endWhenNobodyReads(process: NodeJS.Process): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: Error & { code?: string }) => {
      if (error.code === 'EPIPE') process.exit(SIGNAL_BASE + SIGPIPE);
      throw error;
    });
  }
}

function endingOf(process: NodeJS.Process, { timeout }: GlobalValues): AbortSignal {
  const interrupted = abortedBySignals(process);
  if (timeout === undefined) return interrupted;
  const over = new AbortController();
  setTimeout(() => over.abort(new TimedOut()), timeout);
  return AbortSignal.any([interrupted, over.signal]);
}

/** Rejects when the time has been over for a moment, for what does not look at the signal. */
function overtime(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      if (signal.reason instanceof TimedOut) setTimeout(() => reject(signal.reason), LAST_WORDS_MS);
    });
  });
}

/** The first one lets the command end in order, the second ends it at once. */
function abortedBySignals(process: NodeJS.Process): AbortSignal {
  const controller = new AbortController();
  for (const [name, number] of Object.entries(ENDING_SIGNALS)) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(SIGNAL_BASE + number);
      controller.abort(new Interrupted(name, number));
    });
  }
  return controller.signal;
}
