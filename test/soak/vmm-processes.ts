/** The VMM processes of a machine as the host has them, whatever the daemon thinks. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface VmmProcess {
  readonly pid: number;
  readonly generation: number;
}

/** `folder`: the machine's runtime folder, whose name is in the command line of each of its VMMs. */
export function vmmProcesses(folder: string): VmmProcess[] {
  const found: VmmProcess[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const line = readOrNull(`/proc/${pid}/cmdline`);
    if (line === null || !line.includes(`${folder}/`)) continue;
    const generation = Number(/^\d+/.exec(line.slice(line.indexOf(`${folder}/`) + folder.length + 1))?.[0]);
    const state = readOrNull(`/proc/${pid}/stat`)?.split(') ')[1]?.[0];
    if (state !== undefined && state !== 'Z' && state !== 'X') found.push({ pid, generation });
  }
  return found.sort((a, b) => a.generation - b.generation);
}

/** Children that ended and were never waited for. */
export function zombiesOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid)) return false;
      const fields = readOrNull(`/proc/${pid}/stat`)?.split(') ')[1]?.split(' ');
      return fields?.[0] === 'Z' && Number(fields[1]) === parent;
    });
}

/** What each descriptor of a process is; null when the process has gone. */
export function descriptorsOf(pid: number): string[] | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return 'gone';
      }
    });
  } catch {
    return null;
  }
}

/** The path under which the guest's memory can be opened. */
export function memoryPathOf(pid: number): string | null {
  let names: string[];
  try {
    names = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return null;
  }
  for (const fd of names) {
    const path = `/proc/${pid}/fd/${fd}`;
    try {
      if (readlinkSync(path).startsWith('/memfd:')) return path;
    } catch {
      // closed meanwhile
    }
  }
  return null;
}

/** False when there is no such process any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
}
