/**
 * Of which files a VMM consists, so that a new program behind the same path is noticed. Shared libraries are not
 * among them: the host updates them in place, they keep what they promise to programs, and no stream depends on
 * them; if they were, every security update would make all builds unknown.
 */
import { existsSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** By which a VMM that is made of modules is started; the second without its bundle. */
const STARTS = new Set(['baton-vmm.cjs', 'main.js']);

/**
 * Of a module that Node runs: all modules of its folder, and beside that folder the native code that they load, as
 * it lies in an installation.
 */
export async function moduleFiles(path: string): Promise<string[]> {
  if (!STARTS.has(basename(path))) return [path];
  const folder = dirname(path);
  const beside = join(folder, '../native');
  const addon = join(folder, '../../native/build/Release/baton.node');
  return [
    path,
    ...(await loadable(folder)).filter((file) => file !== path),
    ...(existsSync(beside) ? await loadable(beside) : []),
    ...(existsSync(addon) ? [addon] : []),
  ];
}

async function loadable(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names
    .filter((name) => /\.(c?js|code|wasm|node)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * The program that runs as `pid`: its executable, and if that is a loader that was told what to run, that file too.
 * Real paths. Throws when the process is gone or not ours to look at.
 */
export function programFilesOf(pid: number): string[] {
  const executable = readlinkSync(`/proc/${pid}/exe`);
  const mapped = executableMappings(readFileSync(`/proc/${pid}/maps`, 'utf8'));
  const loaded = argumentsOf(pid).flatMap((argument) => {
    const file = argument.startsWith('/') ? realPath(argument) : null;
    return file !== null && mapped.has(file) ? [file] : [];
  });
  return [...new Set([executable, ...loaded])];
}

/** As it was started. */
export function argumentsOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
}

/** Whether it runs others: a wrapper that has to stay is not the VMM, and killing it would not end the VMM. */
export function hasChildren(pid: number): boolean {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim() !== '';
}

/** Lines are: range, permissions, offset, device, inode, path. */
function executableMappings(maps: string): Set<string> {
  const files = [...maps.matchAll(/^\S+ ..x. \S+ \S+ \d+ +(\/.*)$/gm)].map(([, file]) => file ?? '');
  return new Set(files);
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
