/**
 * Finds what a demo left behind: processes that carry its folder's name in their command line, and files.
 * The folder's name is unique to one run, so nobody else's process can be meant.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

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
