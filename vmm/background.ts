/**
 * `-daemonize`: the VMM runs in a process of its own, in a session of its own, without a terminal.
 *
 *     this process    starts the other one ► passes on what it says on stderr ► ends when it is ready, or has ended
 *     the other one   does everything ► stdio becomes /dev/null, the folder becomes / ► says READY on what was its stdout
 *
 * Ready is when the monitors answer; a target of cpr-transfer has none before a source has connected. After that
 * nothing reaches whoever started it: what there is to tell is told by the monitor.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { duplicateFd, replaceInheritableFd, setCloseOnExec } from '../native/index.js';

/** Marks the process in the background; it is removed there, so that programs started from it do not see it. */
const VARIABLE = 'BATON_VMM_BACKGROUND';
const READY = 'ready\n';
/** Files that it makes are not for everybody. */
const UMASK = 0o027;

/** Starts the same command line in the background, with the descriptors it names; resolves with an exit code. */
export async function startInBackground(
  argv: readonly string[],
  inherited: readonly number[],
): Promise<number> {
  for (const fd of inherited) setCloseOnExec(fd, false);
  const [, main = ''] = process.argv;
  const child = spawn(process.execPath, [...process.execArgv, main, ...argv], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, [VARIABLE]: '1' },
  });
  child.stderr.on('data', (bytes: Buffer) => writeSync(2, bytes));
  return Promise.race([becomesReady(child), ends(child)]);
}

function becomesReady(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    let said = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1');
      if (said === READY) resolve(0);
    });
  });
}

/** Nothing of what it said is lost: its streams have ended too. */
function ends(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

/** Is this the process that was started in the background? It is asked once. */
export function takeBackground(environment: NodeJS.ProcessEnv): boolean {
  const isBackground = environment[VARIABLE] !== undefined;
  delete environment[VARIABLE];
  if (isBackground) process.umask(UMASK);
  return isBackground;
}

/** The VMM is ready: whoever started it goes its way. */
export function leaveForeground(): void {
  process.chdir('/');
  const starter = duplicateFd(1);
  const nothing = openSync('/dev/null', 'r+');
  replaceInheritableFd(nothing, 1);
  replaceInheritableFd(nothing, 2);
  closeSync(nothing);
  writeSync(starter, READY);
  closeSync(starter);
}
