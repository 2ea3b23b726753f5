/** Writes every guest into a folder: `node dist/test/guests/write.js DIR` makes `DIR/<name>.bin` or `.elf`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allGuests } from './all.js';

const [directory, ...rest] = process.argv.slice(2);
if (directory === undefined || rest.length > 0) {
  console.error('usage: node dist/test/guests/write.js DIR');
  process.exitCode = 1;
} else {
  await mkdir(directory, { recursive: true });
  for (const { name, format, bytes } of allGuests()) {
    const path = join(directory, `${name}.${format}`);
    await writeFile(path, bytes, { mode: format === 'elf' ? 0o755 : 0o644 });
    console.log(path);
  }
}
