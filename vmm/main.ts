/**
 * baton-vmm: one process, one VM. The only file that reads the command line, sets the exit code and writes
 * to stderr. Exit codes: 0 for a VM that ended as it should, what the guest asked for, 1 with one line
 * `baton-vmm: …` for everything else.
 */
import { OptionError, parseOptions, type VmmOptions } from './options/options.js';
import { ProcessLife } from './process-life.js';
import type { VmmParts } from './start.js';
import { trace, traceNode } from './trace.js';

traceNode();
trace('loaded');
const life = new ProcessLife({
  exit: (code) => process.exit(code),
  stderr: (line) => process.stderr.write(`${line}\n`),
});

async function main(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv);
  trace('parsed');
  switch (options.action) {
    case 'version':
      await printVersion();
      return;
    case 'help':
      await printHelp();
      return;
    case 'dumpdtb':
      await dumpDeviceTree(options);
      return;
    case 'run':
      await run(options, argv);
  }
}

async function run(given: VmmOptions, argv: readonly string[]): Promise<void> {
  const { EXEC_STATE_VARIABLE, takeExecState } = await import('./migration/cpr-exec-state.js');
  // Whose place this program takes has stopped its guest already.
  const isAwaited = process.env[EXEC_STATE_VARIABLE] !== undefined;
  // After cpr-exec the process is in the background already.
  const background = given.daemonize && !isAwaited ? await import('./background.js') : null;
  if (background !== null && !background.takeBackground(process.env)) {
    process.exit(await background.startInBackground(argv, descriptorsNamedBy(given)));
  }
  const options = given.addFds.length > 0 ? await withFdSets(given) : given;
  const createMachine =
    options.machine.type === 'none' ? await noMachine() : await realMachine(options, isAwaited);
  if (options.machine.type !== 'none' && !isAwaited) {
    const { checkBootFiles } = await import('./firmware/check-boot-files.js');
    checkBootFiles(options);
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => life.signal());
  if (options.pidfile !== null) {
    const { Pidfile } = await import('./pidfile.js');
    const pidfile = new Pidfile(options.pidfile);
    life.atEnd(() => pidfile.remove());
  }
  const [{ startVmm }, { createGuestMemory }] = await Promise.all([
    import('./start.js'),
    import('./memory/guest-memory.js'),
  ]);
  trace('begun');
  const inherited = isAwaited ? takeExecState(process.env) : null;
  await startVmm(options, { createGuestMemory, createMachine }, life, inherited);
  background?.leaveForeground();
}

/** Descriptors of whoever started us that the options use by number. */
function descriptorsNamedBy({ incoming, addFds }: VmmOptions): number[] {
  const main = incoming?.main;
  const numbers = addFds.map(({ fd }) => fd);
  return main?.kind === 'fd' && /^\d+$/.test(main.name) ? [...numbers, Number(main.name)] : numbers;
}

/** The same with descriptors of our own, which the paths of the sets name from here on. */
async function withFdSets(options: VmmOptions): Promise<VmmOptions> {
  const { adoptInherited } = await import('./descriptors/inherited.js');
  const { useFdSets } = await import('./descriptors/open-path.js');
  const addFds = adoptInherited(options.addFds);
  useFdSets(addFds);
  return { ...options, addFds };
}

/** It starts now: it has more to get ready than all else. */
async function realMachine(
  { machine: { thread } }: VmmOptions,
  isAwaited: boolean,
): Promise<VmmParts['createMachine']> {
  const { createMachine, startMachine } = await import('./machine/create.js');
  const peer = startMachine(thread, isAwaited);
  return (options, memory, settings, events) => createMachine(options, memory, settings, events, peer);
}

async function noMachine(): Promise<VmmParts['createMachine']> {
  const { NO_MACHINE } = await import('./machine/no-machine.js');
  return async () => NO_MACHINE;
}

async function printVersion(): Promise<void> {
  const { VERSION } = await import('./version.js');
  process.stdout.write(`baton-vmm ${VERSION}\n`);
}

async function printHelp(): Promise<void> {
  const { HELP } = await import('./options/help.js');
  process.stdout.write(HELP);
}

async function dumpDeviceTree(options: VmmOptions): Promise<void> {
  const { Boot } = await import('./firmware/boot.js');
  const { writeFileSync } = await import('node:fs');
  const boot = new Boot(options);
  boot.close();
  const path = options.machine.dumpDtb ?? '';
  try {
    writeFileSync(path, boot.deviceTree);
  } catch (cause) {
    throw new OptionError('-machine', `cannot write dumpdtb: ${(cause as Error).message}`);
  }
}

function onOwnMistake(error: unknown): void {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  life.fail(`internal error: ${detail}`);
}

process.on('uncaughtException', onOwnMistake);
process.on('unhandledRejection', onOwnMistake);
main(process.argv.slice(2)).catch((error: unknown) => {
  life.fail(error instanceof Error ? error.message : String(error));
});
