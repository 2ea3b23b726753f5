/** A machine's document in an editor: as often as it is refused and somebody wants to try again. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { stringify } from 'yaml';
import { type Machine, ProblemError } from '../client/index.js';
import type { Context } from './context.js';
import { parseText } from './document-file.js';
import { CommandError } from './exit-codes.js';
import { changeBetween, type Document, documentOf } from './machine-document.js';

const REFUSED = '# Refused: ';

export async function editMachine(context: Context, name: string): Promise<void> {
  const { client, out, json } = context;
  let machine = await client.machines.get(name);
  const folder = mkdtempSync(join(tmpdir(), 'baton-edit-'));
  const file = join(folder, `${machine.name}.yaml`);
  let text = headOf(machine) + stringify(documentOf(machine));
  let keeps = false;
  try {
    for (;;) {
      writeFileSync(file, text, { mode: 0o600 });
      await openEditor(context, file);
      const edited = readFileSync(file, 'utf8');
      try {
        const before = documentOf(machine);
        const change = changeBetween(before, parseText(edited, 'the document'));
        if (Object.keys(change).length === 0) {
          out.note('Nothing was changed.');
          return;
        }
        const { id, revision } = machine;
        const changed = await client.machines.change(id, change, { revision });
        if (json) out.json(changed);
        else out.line(`${changed.name} is changed: ${Object.keys(change).join(', ')}.`);
        return;
      } catch (error) {
        keeps = true;
        const kept = `your text is kept: ${file}`;
        if (!isRefusal(error)) {
          out.note(kept);
          throw error;
        }
        out.error(error.message);
        if (!(await wantsAgain(context))) {
          const hints = [kept];
          throw error instanceof CommandError
            ? new CommandError(error.exit, 'the document was not changed', hints)
            : new CommandError(exitFor(error), `the document was not changed: ${error.message}`, hints);
        }
        const isOutdated = error instanceof ProblemError && error.status === 412;
        if (isOutdated) {
          const mine = changeBetween(documentOf(machine), parseText(edited, 'the document'));
          machine = await client.machines.get(machine.id);
          text = withReason(stringify(withChange(documentOf(machine), mine)), error.message, machine);
        } else text = withReason(withoutHead(edited), error.message, machine);
        keeps = false;
      }
    }
  } finally {
    if (!keeps) rmSync(folder, { recursive: true, force: true });
  }
}

function headOf({ name, state }: Machine): string {
  const when =
    state === 'stopped' || state === 'crashed'
      ? ''
      : `# N.B. ${name} is ${state}: only its labels can be changed.\n`;
  return `# The document of ${name}. Save and leave to change it; leave without a change to keep it.\n${when}`;
}

function withReason(body: string, reason: string, machine: Machine): string {
  return `${headOf(machine)}${reason
    .split('\n')
    .map((line) => `${REFUSED}${line}\n`)
    .join('')}${body}`;
}

function withoutHead(text: string): string {
  return text.replace(/^(#.*\n)+/, '');
}

function withChange(document: Document, change: Document): Document {
  const members = Object.entries({ ...document, ...change }).filter(([, value]) => value !== null);
  return Object.fromEntries(members);
}

function isRefusal(error: unknown): error is ProblemError | CommandError {
  if (error instanceof CommandError) return error.exit === 'usage';
  return error instanceof ProblemError && [400, 409, 412, 422].includes(error.status);
}

function exitFor({ status }: ProblemError): 'conflict' | 'usage' {
  return status === 409 || status === 412 ? 'conflict' : 'usage';
}

async function wantsAgain({ input, out }: Context): Promise<boolean> {
  if (input.isTTY !== true) return false;
  const lines = createInterface({ input, output: out.stderr });
  try {
    const answer = await lines.question('Edit it again? [Y/n] ');
    return !/^n/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

/** By the shell, since it may have arguments. */
async function openEditor({ environment }: Context, file: string): Promise<void> {
  const editor = environment.VISUAL || environment.EDITOR || 'vi';
  const child = spawn('sh', ['-c', `${editor} "$1"`, editor, file], { stdio: 'inherit' });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (code === 0) return;
  const how = code === null ? `by ${signal}` : `with ${code}`;
  throw new CommandError('failed', `the editor (${editor}) has ended ${how}; nothing was changed`, [
    'EDITOR=<editor> baton machine edit …',
  ]);
}
