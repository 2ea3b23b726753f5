/** `path=disk.img,format=qcow2,readOnly=true` as a document. Pure. */
import { usageError } from './exit-codes.js';

export function keyValues(option: string, text: string): Readonly<Record<string, unknown>> {
  const pairs = text.split(',').map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw usageError(`expected ${option} to be NAME=VALUE,NAME=VALUE…, got ${text}`);
    return [pair.slice(0, at), memberOf(pair.slice(at + 1))];
  });
  return Object.fromEntries(pairs);
}

function memberOf(text: string): string | boolean {
  return text === 'true' ? true : text === 'false' ? false : text;
}
