/** Whether the files that a start of the target would open are there, and are those that they were. */
import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import type { Build } from '../build.js';
import { messageOf } from '../errors.js';
import type { MachineSpec } from '../machine.js';
import type { UpgradeMode } from '../upgrade.js';
import type { Finding } from './finding.js';

/** A VMM with more descriptors than this is none that we know. */
const MAX_DESCRIPTORS = 10_000;

export function targetFileFindings({ id, path, fileState }: Build): readonly Finding[] {
  if (fileState === 'as-registered') return [];
  if (fileState === 'replaced') {
    const sentence = `what build ${id} runs, ${path}, is not what was registered`;
    const remedy = 'put back what was registered, or register the path again and choose the new build';
    return [{ code: 'build_changed', severity: 'block', sentence, remedy }];
  }
  const sentence = `what build ${id} runs, ${path}, is not there any more`;
  const remedy = 'restore the file or choose another build';
  return [{ code: 'target_binary_missing', severity: 'block', sentence, remedy }];
}

/** Leaving it needs no file, comparing and rehearsing do. */
export function sourceFileFindings({ path, fileState }: Build): readonly Finding[] {
  if (fileState === 'as-registered') return [];
  const sentence = `${path}, which the source runs, is ${fileState}: the two builds cannot be compared`;
  const remedy =
    'put the file back to have the upgrade rehearsed; or try it: what fails leaves the source running';
  return [{ code: 'source_build_changed', severity: 'warn', sentence, remedy }];
}

/** With cpr-exec the way back is to start the old build once more. */
export function wayBackFindings(source: Build, mode: UpgradeMode): readonly Finding[] {
  if (mode !== 'cpr-exec' || source.fileState === 'as-registered') return [];
  const sentence = `${source.path}, which the source runs, is ${source.fileState}: it is the way back of cpr-exec`;
  const remedy = 'put the file back, or choose another mode';
  return [{ code: 'source_binary_missing', severity: 'block', sentence, remedy }];
}

/** `pid`: the process that has the disks open; null: none. */
export async function machineFileFindings(
  spec: MachineSpec,
  pid: number | null,
): Promise<readonly Finding[]> {
  const { R_OK, W_OK } = constants;
  const booted = [spec.kernel, spec.initrd, spec.firmware].filter((path) => path !== null);
  const images = spec.disks.flatMap((disk) => (disk.format === 'empty' ? [] : [disk]));
  const wanted = [
    ...booted.map((path) => ({ path, mode: R_OK })),
    ...images.map(({ path, readOnly }) => ({ path, mode: readOnly ? R_OK : R_OK | W_OK })),
  ];
  const findings: Finding[] = [];
  for (const { path, mode } of wanted) {
    await access(path, mode).catch((error) => {
      const sentence = `the target could not open ${path} (${messageOf(error)})`;
      const remedy = 'put the file back, or give the user of the daemon access to it';
      findings.push({ code: 'file_not_usable', severity: 'block', sentence, remedy });
    });
  }
  if (pid !== null && images.length > 0) {
    const paths = images.map(({ path }) => path);
    findings.push(...(await replacedDisks(paths, pid)));
  }
  return findings;
}

/** The target opens the path again: what lies there must be what the guest's writes went to. */
async function replacedDisks(paths: readonly string[], pid: number): Promise<readonly Finding[]> {
  const open = await openFiles(pid);
  if (open === null) return [];
  const findings: Finding[] = [];
  for (const path of paths) {
    const identity = await identityOf(path);
    if (identity === null || open.has(identity)) continue;
    const sentence = `the source does not have the file at ${path} open: another one was put in its place`;
    const remedy = 'put the file that the machine uses back to its path; do not restart the machine before';
    findings.push({ code: 'disk_replaced', severity: 'block', sentence, remedy });
  }
  return findings;
}

/** Null when the process does not let us see. */
async function openFiles(pid: number): Promise<ReadonlySet<string> | null> {
  const folder = `/proc/${pid}/fd`;
  try {
    const names = (await readdir(folder)).slice(0, MAX_DESCRIPTORS);
    const identities = await Promise.all(names.map((name) => identityOf(`${folder}/${name}`)));
    /* A process that has ended meanwhile has none open, which says nothing about the files. */
    if ((await readdir(folder)).length === 0) return null;
    return new Set(identities.filter((identity) => identity !== null));
  } catch {
    return null;
  }
}

async function identityOf(path: string): Promise<string | null> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}
