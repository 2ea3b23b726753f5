/** Users and groups of this host by name, from wherever it keeps them: Node can set them only by number. */
import { execFileSync } from 'node:child_process';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

const DEADLINE_MS = 10_000;

function entry(database: 'passwd' | 'group', name: string): string[] {
  try {
    const answer = execFileSync('getent', [database, name], {
      encoding: 'utf8',
      timeout: DEADLINE_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return answer.trim().split(':');
  } catch {
    const what = database === 'passwd' ? 'user' : 'group';
    throw new Error(
      `expected a ${what} named ${name} on this host: create it, as \`batond-setup install\` does`,
    );
  }
}

export function groupNamed(name: string): number {
  return Number(entry('group', name)[2]);
}

export function userNamed(name: string): Account {
  const [, , uid, gid, , home = '/'] = entry('passwd', name);
  return { name, uid: Number(uid), gid: Number(gid), home };
}
