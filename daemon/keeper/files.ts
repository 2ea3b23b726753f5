/** What a keeper has in its folder, and how its process is told from others. */
export interface KeeperFiles {
  /** The VMM sends its state here. */
  readonly take: string;
  /** Whoever connects here gets it; served only while it is held. */
  readonly give: string;
  /** The keeper's last words. */
  readonly log: string;
}

export function keeperFiles(folder: string): KeeperFiles {
  return { take: `${folder}/take.sock`, give: `${folder}/give.sock`, log: `${folder}/keeper.log` };
}

/** The argument that no other process has; what it begins with finds all keepers below a folder. */
export function keeperMark(folder: string): string {
  return `keeper:${folder}/`;
}
