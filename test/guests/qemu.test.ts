/** The guests on QEMU's virt machine with OpenSBI, and the Linux program under QEMU's user-mode emulation. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../fetch/cache.js';
import { skipSuite } from '../helpers/skip.js';
import { tempDir } from '../helpers/temp-dir.js';
import { waitFor, within } from '../helpers/wait.js';
import { findQemu } from '../vmm/cpu/qemu.js';
import { echo } from './echo.js';
import type { GuestImage } from './image.js';
import { linuxTicker } from './linux-ticker.js';
import { loops } from './loops.js';
import { ticker } from './ticker.js';

const EXIT_DEADLINE_MS = 20_000;

class Running {
  output = '';
  readonly #child: ChildProcessWithoutNullStreams;

  constructor(argv: readonly string[]) {
    const [command, ...rest] = argv as [string, ...string[]];
    this.#child = spawn(command, rest);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.output += chunk.toString('latin1');
      });
    }
  }

  send(text: string): void {
    this.#child.stdin.write(text);
  }

  async waitForOutput(pattern: RegExp): Promise<RegExpMatchArray> {
    return waitFor(() => this.output.match(pattern), {
      deadlineMs: EXIT_DEADLINE_MS,
      what: `${pattern} in the output`,
    });
  }

  /** Exit code; `null` after `kill`. */
  async exit(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await within(once(this.#child, 'exit'), EXIT_DEADLINE_MS, 'QEMU to end');
    }
    return this.#child.exitCode;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exit();
  }
}

/** Writes the image, starts it, and ends what `action` left running. */
async function withGuest(
  argv: readonly string[],
  image: GuestImage,
  action: (running: Running) => Promise<void>,
): Promise<void> {
  const directory = await tempDir();
  try {
    const path = join(directory.path, `${image.name}.${image.format}`);
    await writeFile(path, image.bytes, { mode: 0o755 });
    const running = new Running([...argv, path]);
    try {
      await action(running);
    } finally {
      await running.kill();
    }
  } finally {
    await directory.remove();
  }
}

function systemTests(argv: readonly string[]): void {
  const test = suite('guests on QEMU');
  const firmware = findInCache().opensbi();
  const bios = 'path' in firmware ? ['-bios', firmware.path] : [];
  const machine = ['-machine', 'virt', '-m', '128M', ...bios, '-display', 'none', '-monitor', 'none'];
  const qemu = [...argv, ...machine, '-serial', 'stdio', '-no-reboot', '-kernel'];

  test('the ticker ticks, keeps its pattern, and takes p', async () => {
    await withGuest(qemu, ticker({ patternMiB: 2 }), async (running) => {
      await running.waitForOutput(/^ticker: start\r?$/m);
      const [, maxGapUs] = await running.waitForOutput(
        /^ticker: ticks=300 gap_us=\d+ max_gap_us=(\d+) pattern=ok\r?$/m,
      );
      assert.ok(Number(maxGapUs) >= 1000);
      running.send('p');
      await running.waitForOutput(/^ticker: ticks=600 .* pattern=ok\r?$/m);
      assert.not.match(running.output, /BAD|trap/);
    });
  });

  test('echo sends back what it gets and powers off at the end of transmission', async () => {
    await withGuest(qemu, echo(), async (running) => {
      await running.waitForOutput(/^echo: start\r?$/m);
      running.send('hello, ');
      await running.waitForOutput(/hello, /);
      const long = 'abcdefghijklmnopqrstuvwxyz'.repeat(20);
      running.send(long);
      await running.waitForOutput(new RegExp(long));
      running.send('\x04');
      assert.is(await running.exit(), 0);
      assert.not.match(running.output, /trap/);
    });
  });

  test('loops prints its checksum and powers off', async () => {
    await withGuest(qemu, loops({ rounds: 2 }), async (running) => {
      assert.is(await running.exit(), 0);
      assert.match(running.output, /^loops: ticks=\d+ checksum=95c680dc42ea2264\r?$/m);
    });
  });

  test.run();
}

function userTests(): void {
  const test = suite('linux-ticker under QEMU');

  test('ticks, keeps its pattern, and takes p until its input ends', async () => {
    await withGuest(['qemu-riscv64'], linuxTicker({ patternMiB: 2 }), async (running) => {
      await running.waitForOutput(/^ticker: start$/m);
      running.send('p');
      const line = /^ticker: ticks=300 gap_us=(\d+) max_gap_us=(\d+) pattern=ok$/m;
      const [, gapUs, maxGapUs] = await running.waitForOutput(line);
      assert.ok(Number(gapUs) >= 1000 && Number(maxGapUs) >= Number(gapUs));
      assert.not.match(running.output, /BAD/);
    });
  });

  test('says so when it gets no memory', async () => {
    await withGuest(
      ['qemu-riscv64', '-R', '0x10000000'],
      linuxTicker({ patternMiB: 1024 }),
      async (running) => {
        assert.is(await running.exit(), 1);
        assert.match(running.output, /^ticker: no memory for the pattern$/m);
      },
    );
  });

  test.run();
}

const qemu = findQemu();
if ('missing' in qemu) skipSuite('guests on QEMU', qemu.missing);
else systemTests(qemu.argv);

if (spawnSync('qemu-riscv64', ['--version'], { stdio: 'ignore' }).status === 0) userTests();
else skipSuite('linux-ticker under QEMU', 'qemu-riscv64 is not on the PATH (Debian: qemu-user)');
