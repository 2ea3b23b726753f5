/** Executes a program by its name, as `execvp` does: looked for in PATH unless it has a slash. */
import { join } from 'node:path';
import { execve, NativeError } from '../../native/index.js';
import { systemReason } from './system-reason.js';

const DEFAULT_PATH = '/bin:/usr/bin';
const SHELL = '/bin/sh';

/** Does not come back; throws with QEMU's words when nothing could be executed. */
export function executeProgram(
  command: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  keepFds: readonly number[],
): never {
  const [name = ''] = command;
  const envp = Object.entries(environment).map(([variable, value]) => `${variable}=${value ?? ''}`);
  let failure: unknown = null;
  for (const path of candidates(name, environment.PATH)) {
    try {
      execve(path, command, envp, keepFds);
    } catch (error) {
      if (codeOf(error) === 'ENOEXEC') failure = runScript(path, command, envp, keepFds);
      // A program that is there and may not be run is more worth telling than those that are not there.
      else if (failure === null || codeOf(error) === 'EACCES') failure = error;
      if (!['ENOENT', 'ENOTDIR', 'EACCES'].includes(codeOf(failure))) break;
    }
  }
  throw new Error(`execvp ${name} failed: ${systemReason(failure)}`, { cause: failure });
}

function candidates(name: string, path: string | undefined): string[] {
  if (name === '' || name.includes('/')) return [name];
  return (path ?? DEFAULT_PATH).split(':').map((folder) => join(folder === '' ? '.' : folder, name));
}

/** A file that can be executed and says not how is a shell script. */
function runScript(
  path: string,
  [, ...rest]: readonly string[],
  envp: readonly string[],
  keepFds: readonly number[],
): unknown {
  try {
    execve(SHELL, [SHELL, path, ...rest], envp, keepFds);
  } catch (error) {
    return error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof NativeError ? error.code : '';
}
