/**
 * The test runner: uvu with a guard. uvu reports success for a suite whose `before` hook throws, whose
 * `after.each` hook throws, or whose `.run()` was forgotten. Here every file runs in a process of its own
 * with a deadline, and passes only when it exits 0, ran at least one test, and passed all that it ran.
 *
 * Usage: node dist/test/run.js [--jobs N] [PATTERN…]     (a pattern is a part of a test file's path)
 * A suite that cannot run here prints `SKIP <reason>` through `test/helpers/skip.ts`; it counts as skipped.
 * The last line is `N passed, N failed, N skipped`.
 */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const FILE_DEADLINE_MS = 300_000;
const OUTPUT_LIMIT_BYTES = 256 * 1024;
const ROOT = fileURLToPath(new URL('.', import.meta.url));

interface Outcome {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly output: string;
  readonly durationMs: number;
}

async function findTests(patterns: readonly string[]): Promise<string[]> {
  const entries = await readdir(ROOT, { recursive: true });
  return entries
    .filter((name) => name.endsWith('.test.js'))
    .filter((name) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)))
    .sort();
}

/** Reads what uvu and `skip.ts` printed; anything that does not add up is a failure. */
function judge(file: string, exit: string, output: string, durationMs: number): Outcome {
  const sum = (pattern: RegExp) =>
    [...output.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
  const total = sum(/^ {2}Total: +(\d+)/gm);
  const passed = sum(/^ {2}Passed: +(\d+)/gm);
  const marked = [...output.matchAll(/^SKIP /gm)].length;
  const skipped = sum(/^ {2}Skipped: +(\d+)/gm) + marked;
  const outcome = { file, passed, skipped, durationMs };
  if (exit !== 'exit 0') {
    return { ...outcome, failed: Math.max(1, total - passed), output: `${output}\n(${exit})` };
  }
  if (total !== passed) {
    return { ...outcome, failed: total - passed, output: `${output}\n(a hook failed: not every test ran)` };
  }
  if (total === 0 && marked === 0) {
    return { ...outcome, failed: 1, output: `${output}\n(no test ran: is a .run() missing?)` };
  }
  return { ...outcome, failed: 0, output };
}

function runFile(file: string): Promise<Outcome> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--enable-source-maps', join(ROOT, file)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_LIMIT_BYTES);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    let deadlinePassed = false;
    const timer = setTimeout(() => {
      deadlinePassed = true;
      child.kill('SIGKILL');
    }, FILE_DEADLINE_MS);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const exit = deadlinePassed
        ? `killed after ${FILE_DEADLINE_MS} ms`
        : signal === null
          ? `exit ${code}`
          : `signal ${signal}`;
      resolve(judge(file, exit, output, performance.now() - startedAt));
    });
  });
}

function report(outcome: Outcome): void {
  const mark = outcome.failed > 0 ? 'FAIL' : outcome.passed > 0 ? 'ok  ' : 'skip';
  const seconds = (outcome.durationMs / 1000).toFixed(1);
  console.log(`${mark} ${relative('.', join(ROOT, outcome.file))}  ${outcome.passed} passed, ${seconds} s`);
  for (const line of outcome.output.split('\n')) {
    if (line.startsWith('SKIP ')) console.log(`     ${line}`);
  }
  if (outcome.failed > 0) console.log(outcome.output.replace(/^/gm, '     | '));
}

const args = process.argv.slice(2);
let jobs = Math.max(1, Math.min(2, availableParallelism()));
const jobsAt = args.indexOf('--jobs');
if (jobsAt >= 0) jobs = Number(args.splice(jobsAt, 2)[1]);
if (!Number.isInteger(jobs) || jobs < 1) throw new Error('--jobs wants a positive integer');

const queue = await findTests(args);
const outcomes: Outcome[] = [];
async function work(): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const outcome = await runFile(file);
    outcomes.push(outcome);
    report(outcome);
  }
}
await Promise.all(Array.from({ length: jobs }, work));

const totals = outcomes.reduce(
  (sum, { passed, failed, skipped }) => ({
    passed: sum.passed + passed,
    failed: sum.failed + failed,
    skipped: sum.skipped + skipped,
  }),
  { passed: 0, failed: 0, skipped: 0 },
);
if (outcomes.length === 0) {
  console.error(`no test file matches ${args.join(' ')}`);
  totals.failed = 1;
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed > 0 ? 1 : 0;
