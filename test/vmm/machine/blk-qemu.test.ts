/**
 * What a driver sees of a virtio-blk device, beside QEMU's with the same properties: features, configuration and queue,
 * read from QEMU's registers by its test protocol; and the refusals of properties that cannot be.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BlockLayer } from '../../../vmm/block/block-layer.js';
import { BlockNodes } from '../../../vmm/block/nodes.js';
import { CarriedDescriptors } from '../../../vmm/carried.js';
import type { VirtioPart } from '../../../vmm/devices/virtio/device.js';
import { openBlk } from '../../../vmm/machine/devices/blk.js';
import { parseOptions } from '../../../vmm/options/options.js';
import { findInCache } from '../../fetch/cache.js';
import { TestDriver } from '../devices/virtio/driver.js';

const found = findInCache().qemu('11.1', 'riscv64');
const missing = 'missing' in found ? found.missing : null;
const test = suite(
  missing === null ? "virtio-blk beside QEMU's" : `virtio-blk beside QEMU's (skipped: ${missing})`,
);

/** Of the highest slot, where the first device goes. */
const REGISTERS = 0x1000_8000;
/** Offered by QEMU's transport alone. */
const RING_RESET = 40;
const DEADLINE_MS = 30_000;

/** QEMU without a CPU, whose bus a test drives. */
class Qtest {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: string[] = [];
  #awaited: (() => void) | null = null;
  stderr = '';

  constructor(args: readonly string[]) {
    if ('missing' in found) throw new Error(found.missing);
    const [program = '', ...prefix] = found.argvPrefix;
    const own = [
      '-M',
      'virt',
      '-global',
      'virtio-mmio.force-legacy=false',
      '-nodefaults',
      '-display',
      'none',
    ];
    const bus = ['-accel', 'qtest', '-qtest', 'stdio', '-bios', 'none'];
    this.#child = spawn(program, [...prefix, ...own, ...bus, ...args], { stdio: 'pipe' });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    this.#lines.on('line', (line) => {
      this.#answers.push(line);
      this.#awaited?.();
    });
    this.#lines.on('close', () => this.#awaited?.());
    this.#child.stdin?.on('error', () => {});
  }

  async read(width: 'b' | 'l', address: number): Promise<number> {
    return Number(BigInt((await this.#ask(`read${width} 0x${address.toString(16)}`)).split(' ')[1] ?? ''));
  }

  async write(address: number, value: number): Promise<void> {
    await this.#ask(`writel 0x${address.toString(16)} 0x${value.toString(16)}`);
  }

  /** Resolves when it has ended by itself. */
  ended(): Promise<string> {
    return new Promise((resolve) => this.#child.once('close', () => resolve(this.stderr)));
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #ask(command: string): Promise<string> {
    this.#child.stdin?.write(`${command}\n`);
    const deadline = setTimeout(() => this.kill(), DEADLINE_MS);
    while (this.#answers.length === 0) {
      if (this.#child.exitCode !== null) throw new Error(`QEMU has ended: ${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#awaited = resolve;
      });
    }
    clearTimeout(deadline);
    return this.#answers.shift() ?? '';
  }
}

interface Seen {
  readonly features: number[];
  readonly config: string;
  readonly queueSize: number;
}

const CONFIG_BYTES = 64;

async function seenOfQemu(args: readonly string[]): Promise<Seen> {
  const qemu = new Qtest(args);
  try {
    const words: number[] = [];
    for (const select of [0, 1]) {
      await qemu.write(REGISTERS + 0x14, select);
      words.push(await qemu.read('l', REGISTERS + 0x10));
    }
    const bytes: number[] = [];
    for (let at = 0; at < CONFIG_BYTES; at++) bytes.push(await qemu.read('b', REGISTERS + 0x100 + at));
    await qemu.write(REGISTERS + 0x30, 0);
    const queueSize = await qemu.read('l', REGISTERS + 0x34);
    const features = bitsOf(words).filter((bit) => bit !== RING_RESET);
    return { features, config: Buffer.from(bytes).toString('hex'), queueSize };
  } finally {
    qemu.kill();
  }
}

async function seenHere(args: readonly string[]): Promise<Seen> {
  const options = parseOptions(['-kernel', 'none', ...args]);
  const received = new CarriedDescriptors([]);
  const blocks = new BlockLayer(new BlockNodes(received, false), () => {});
  blocks.open(options);
  const parts: VirtioPart[] = [];
  for (const device of options.devices) parts.push((await openBlk(device, { options, blocks })).part);
  const [part] = parts;
  if (part === undefined) throw new Error('expected a device');
  const driver = new TestDriver(part);
  const words = [0, 1].map((select) => {
    driver.write(0x14, select);
    return driver.read(0x10);
  });
  const bytes = Array.from({ length: CONFIG_BYTES }, (_, at) => driver.device.read(0x100 + at, 1));
  driver.write(0x30, 0);
  const queueSize = driver.read(0x34);
  blocks.closeAll();
  return { features: bitsOf(words), config: Buffer.from(bytes).toString('hex'), queueSize };
}

function bitsOf(words: readonly number[]): number[] {
  const bits = Array.from({ length: 64 }, (_, bit) => bit);
  return bits.filter((bit) => (((words[bit >> 5] ?? 0) >>> (bit & 31)) & 1) !== 0);
}

function node(sizeBytes: number, readOnly = false): string[] {
  const options = { driver: 'null-co', 'node-name': 'n0', size: sizeBytes, 'read-only': readOnly };
  return ['-blockdev', JSON.stringify(options)];
}

const MIB = 2 ** 20;
const CASES: readonly (readonly [string, string[]])[] = [
  ...[0, 512, 1000, MIB, 3 * MIB, 64 * MIB, 2 ** 40].map((size) => ['', node(size)] as const),
  ...[
    ',serial=abc,logical_block_size=4096,physical_block_size=4096,min_io_size=8192,opt_io_size=65536',
    ',physical_block_size=4096',
    ',discard=off',
    ',write-zeroes=off',
    ',discard=off,write-zeroes=off',
    ',config-wce=off',
    ',config-wce=off,write-cache=off',
    ',write-cache=off',
    ',queue-size=1024',
    ',queue-size=4',
    ',seg-max-adjust=off',
    ',discard_granularity=4096,max-discard-sectors=100,max-write-zeroes-sectors=200',
    ',report-discard-granularity=off,discard_granularity=4096',
    ',opt_io_size=1048576,discard_granularity=8192',
  ].map((properties) => [properties, node(16 * MIB)] as const),
  ['', node(16 * MIB, true)],
].map(([properties, blockdev]) => [properties as string, blockdev as string[]]);

const REFUSED = [
  ',logical_block_size=513',
  ',logical_block_size=4096,physical_block_size=512',
  ',min_io_size=700',
  ',opt_io_size=700',
  ',logical_block_size=4096',
  ',logical_block_size=4096,physical_block_size=4096,discard_granularity=512',
  ',queue-size=3',
  ',queue-size=2048',
  ',queue-size=2',
  ',max-discard-sectors=0',
  ',max-write-zeroes-sectors=99999999',
  '0',
];

if (missing === null) {
  test('a driver sees the same', async () => {
    for (const [properties, blockdev] of CASES) {
      const args = [...blockdev, '-device', `virtio-blk-device,drive=n0${properties}`];
      assert.equal(await seenHere(args), await seenOfQemu(args), args.join(' '));
    }
  });

  test("what cannot be is refused in QEMU's words", async () => {
    for (const properties of REFUSED) {
      const device = `virtio-blk-device,drive=n0${properties}`;
      const args = [...node(MIB), '-device', device];
      const words = (await new Qtest(args).ended()).trim().split(`-device ${device}: `)[1] ?? 'nothing';
      try {
        await seenHere(args);
        assert.unreachable(`expected to be refused: ${words}`);
      } catch (error) {
        assert.match((error as Error).message, words);
      }
    }
  });

  test('a disk has one device', async () => {
    const args = [
      ...node(MIB),
      '-device',
      'virtio-blk-device,drive=n0,id=v0',
      '-device',
      'virtio-blk-device,drive=n0',
    ];
    const words = (await new Qtest(args).ended()).trim().split('drive=n0: ')[1] ?? 'nothing';
    try {
      await seenHere(args);
      assert.unreachable('expected to be refused');
    } catch (error) {
      assert.match((error as Error).message, words);
    }
  });
}

test.run();
