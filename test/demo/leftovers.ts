/**
 * Finds what a demo left behind: processes that carry its folder's name in their command line, and files.
 * The folder's name is unique to one run, so nobody else's process can be meant.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { waitFor } from '../helpers/wait.js';

const END_DEADLINE_MS = 5_000;

export interface ProcessEntry {
  readonly pid: number;
  readonly commandLine: string;
}

/** Processes other than this one whose command line names the folder. */
export async function processesNaming(directory: string): Promise<ProcessEntry[]> {
  const found: ProcessEntry[] = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const commandLine = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (commandLine.includes(directory))
      found.push({ pid, commandLine: commandLine.replaceAll('\0', ' ').trim() });
  }
  return found;
}

/** Ends them at once and waits until they are gone; resolves with what there was to end. */
export async function endProcessesNaming(directory: string): Promise<ProcessEntry[]> {
  const strays = await processesNaming(directory);
  for (const { pid } of strays) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  const gone = async () => (await processesNaming(directory)).length === 0;
  await waitFor(gone, { deadlineMs: END_DEADLINE_MS, what: `every process of ${directory} to end` });
  return strays;
}

/** A sentence for each thing that is still there. */
export async function leftovers(directory: string): Promise<string[]> {
  const found = (await processesNaming(directory)).map(
    ({ pid, commandLine }) => `process ${pid}: ${commandLine.slice(0, 120)}`,
  );
  if (existsSync(directory)) {
    const entries = await readdir(directory, { recursive: true });
    found.push(...entries.map((entry) => `file ${directory}/${entry}`), `folder ${directory}`);
  }
  return found;
}
