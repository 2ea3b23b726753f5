/** Documents in files: YAML, and so JSON too. */
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { parseDocument } from 'yaml';
import { usageError } from './exit-codes.js';
import type { Document } from './machine-document.js';

/** `-` is the input. */
export async function readText(path: string, input: Readable): Promise<string> {
  if (path === '-') return readInput(input);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError(`cannot read the file: ${(error as Error).message}`);
  }
}

async function readInput(input: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks).toString('utf8');
}

/** One mapping. The message of what is thrown says where the text is wrong. */
export function parseText(text: string, what: string): Document {
  const parsed = parseDocument(text, { prettyErrors: true, uniqueKeys: true });
  const [first] = parsed.errors;
  if (first !== undefined) throw usageError(`${what} is no YAML or JSON: ${first.message.trim()}`);
  const document: unknown = parsed.toJS({ maxAliasCount: 100 });
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw usageError(`expected ${what} to hold one document with members such as name and memoryMiB`);
  }
  return document as Document;
}
