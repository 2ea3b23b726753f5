/**
 * The commands of a page of documentation: its fenced ```sh blocks, in order, each with the ```text block that follows
 * it, which is what it prints. Words after `sh` on the fence say what a block needs or who else runs it:
 *
 *     sh                     run by the test of the page
 *     sh needs=qemu          run where that is there, otherwise counted as skipped, with the reason
 *     sh endless             does not end by itself: has to print something until it is ended
 *     sh run-by=FILE         run by FILE, a script or test of the repository; each of its commands must occur there
 *
 * Every other fence is data or a drawing (OTHER_FENCES); there is none for commands that nobody runs.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** What a block may be in that is no command, and why. */
export const OTHER_FENCES: Readonly<Record<string, string>> = {
  '': 'a drawing, or a formula',
  text: 'what the commands above it print: compared',
  json: 'a document',
  yaml: 'a part of a configuration file',
};

const TAGS = ['needs', 'run-by', 'endless'];

export interface Block {
  readonly page: string;
  /** Of the fence, from 1. */
  readonly line: number;
  readonly needs: readonly string[];
  readonly runBy: string | null;
  readonly isEndless: boolean;
  readonly commands: string;
  readonly prints: string | null;
}

export function readPage(page: string): string {
  return readFileSync(`${ROOT}${page}`, 'utf8');
}

/** All pages that tell users what to type. */
export function pages(): string[] {
  const docs = readdirSync(`${ROOT}docs`).filter((name) => name.endsWith('.md'));
  return ['README.md', ...docs.map((name) => `docs/${name}`).sort()];
}

interface Fence {
  readonly line: number;
  readonly words: readonly string[];
  readonly text: string;
}

export function fencesOf(text: string): Fence[] {
  const fences: Fence[] = [];
  let open: { line: number; words: string[]; lines: string[] } | null = null;
  for (const [index, line] of text.split('\n').entries()) {
    const [, rest] = /^```(.*)$/.exec(line) ?? [];
    if (open === null && rest !== undefined) open = { line: index + 1, words: rest.split(' '), lines: [] };
    else if (open !== null && rest !== undefined) {
      fences.push({ line: open.line, words: open.words, text: open.lines.join('\n') });
      open = null;
    } else open?.lines.push(line);
  }
  if (open !== null) throw new Error(`expected the fence of line ${open.line} to be closed`);
  return fences;
}

export function blocksOf(page: string, text: string = readPage(page)): Block[] {
  const fences = fencesOf(text);
  return fences.flatMap(({ line, words: [kind, ...words], text: commands }, index) => {
    if (kind !== 'sh') return [];
    const tags = new Map(words.map((word) => word.split('=') as [string, string]));
    for (const name of tags.keys()) {
      if (!TAGS.includes(name)) throw new Error(`${page}:${line}: there is no tag ${name}`);
    }
    const next = fences[index + 1];
    const prints = next?.words[0] === 'text' ? next.text : null;
    const needs = tags.get('needs')?.split(',') ?? [];
    const isEndless = tags.has('endless');
    return [{ page, line, needs, runBy: tags.get('run-by') ?? null, isEndless, commands, prints }];
  });
}

/** One a line, without comments; a line that ends with a backslash goes on. */
export function commandsOf({ commands }: Pick<Block, 'commands'>): string[] {
  return commands
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.replace(/(^|\s+)# .*$/, '').trim())
    .filter((line) => line !== '');
}
