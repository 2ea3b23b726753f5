/**
 * Removes folders that VMMs could write into. Whoever removes a tree by its paths, as root, while its owner can put a link in
 * place of a folder in it, removes what that leads to. So it is taken back first, from the top down: what lies in a
 * folder stays there from when the folder is ours. The one that is removed lies in a folder of the daemon's.
 */
import { chmodSync, lchownSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';

const OURS = 0o700;
const ALL = { recursive: true, force: true } as const;

/** None there is success. */
export async function removeVmmFolder(path: string): Promise<void> {
  takeBack(path);
  await rm(path, ALL);
}

export function removeVmmFolderSync(path: string): void {
  takeBack(path);
  rmSync(path, ALL);
}

/** Afterwards nobody else can change which files and folders there are, whatever they have open. */
function takeBack(top: string): void {
  const [uid, gid] = [process.geteuid?.() ?? -1, process.getegid?.() ?? -1];
  const folders = [top];
  for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
    const status = lstatSync(path, { throwIfNoEntry: false });
    if (!status?.isDirectory()) continue;
    if (status.uid !== uid) lchownSync(path, uid, gid);
    /* After that, as an owner could undo it; it goes for lists of access too. */
    chmodSync(path, OURS);
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) folders.push(`${path}/${entry.name}`);
    }
  }
}
