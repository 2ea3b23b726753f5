/**
 * The guest's disk: an ext4 of a folder, with the owners that the folder could not have. Sparse, and without a journal
 * until it is finished, so that what the second stage wrote leaves none behind.
 */
import { rm, truncate, writeFile } from 'node:fs/promises';
import { execa, type Options } from 'execa';
import { FetchError } from '../apt.js';
import type { Ownership } from './tree.js';

export const DISK_LABEL = 'baton-debian';
export const DISK_MIB = 2048;
/** A system of six thousand files, and room for as many again and more. */
const INODES = 65_536;
const JOURNAL_MIB = 16;
/** All of them, so that the host's mke2fs.conf has no say. `none` takes away what it asks for. */
const FEATURES = ['none', 'ext_attr', 'resize_inode', 'dir_index', 'filetype', 'extent', '64bit', 'flex_bg']
  .concat(['sparse_super', 'large_file', 'huge_file', 'dir_nlink', 'extra_isize', 'metadata_csum'])
  .join(',');
const TOOL_DEADLINE_MS = 300_000;
const FIRST_INODE = 11;
/** Debian keeps them where an ordinary user's PATH does not look. */
const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: 'C.UTF-8' };

export async function makeDisk(image: string, root: string, owners: readonly Ownership[]): Promise<void> {
  await rm(image, { force: true });
  await writeFile(image, '');
  await truncate(image, DISK_MIB * 1024 * 1024);
  await tool('mke2fs', [
    ...[
      '-q',
      '-F',
      '-t',
      'ext4',
      '-b',
      '4096',
      '-I',
      '256',
      '-m',
      '0',
      '-N',
      String(INODES),
      '-L',
      DISK_LABEL,
    ],
    ...['-O', FEATURES, '-E', 'lazy_itable_init=0,root_owner=0:0', '-d', root, image],
  ]);
  await tool('debugfs', ['-w', '-f', '-', image], { input: await ownerCommands(image, owners) });
}

/** Everything belongs to root, by the inodes in use, which begin without a gap; then the exceptions. */
async function ownerCommands(image: string, owners: readonly Ownership[]): Promise<string> {
  const header = await tool('dumpe2fs', ['-h', image]);
  const count = (name: string) => Number(new RegExp(`^${name}: +(\\d+)$`, 'm').exec(header)?.[1]);
  const used = count('Inode count') - count('Free inodes');
  const lines: string[] = [];
  for (let inode = FIRST_INODE; inode <= used; inode++) {
    lines.push(`sif <${inode}> uid 0`, `sif <${inode}> gid 0`);
  }
  for (const { path, uid, gid } of owners) lines.push(`sif ${path} uid ${uid}`, `sif ${path} gid ${gid}`);
  return `${lines.join('\n')}\n`;
}

/** Adds the journal and judges the whole. */
export async function finishDisk(image: string): Promise<void> {
  await tool('tune2fs', ['-O', 'has_journal', '-J', `size=${JOURNAL_MIB}`, image]);
  await tool('e2fsck', ['-f', '-n', image]);
}

async function tool(name: string, args: readonly string[], options: Options = {}): Promise<string> {
  try {
    const { stdout } = await execa(name, args, { timeout: TOOL_DEADLINE_MS, env, ...options });
    return String(stdout);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new FetchError(`expected \`${name}\` on this machine, got none: install the package e2fsprogs`, {
        cause,
      });
    }
    const { all, stdout, stderr, shortMessage } = cause as Record<string, string | undefined>;
    throw new FetchError(`${shortMessage}\n${(all ?? `${stdout ?? ''}${stderr ?? ''}`).slice(-2000)}`, {
      cause,
    });
  }
}
