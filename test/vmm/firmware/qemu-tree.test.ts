/** The device tree beside the one that real QEMU makes, where QEMU has been fetched. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildDeviceTree } from '../../../vmm/firmware/device-tree.js';
import { decodeFdt, encodeFdt, type FdtNode } from '../../../vmm/firmware/fdt.js';
import { findInCache } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { tempDir } from '../../helpers/temp-dir.js';

const SUITE = 'device tree beside that of QEMU 11.1';
const test = suite(SUITE);
const QEMU_DEADLINE_MS = 20_000;
/** Ours by nature: what the CPU can do, and what is random. */
const OWN = new Set(['riscv,isa', 'riscv,isa-extensions', 'mmu-type', 'rng-seed']);

/** Every node by its path, every property as hexadecimal text. */
function flatten(node: FdtNode, path = ''): Map<string, Map<string, string>> {
  const properties = [...node.properties].filter(([name]) => !OWN.has(name));
  const all = new Map([
    [
      path,
      new Map(properties.map(([name, value]) => [name, Buffer.from(value as Uint8Array).toString('hex')])),
    ],
  ]);
  for (const child of node.children) {
    for (const [at, values] of flatten(child, `${path}/${child.name}`)) all.set(at, values);
  }
  return all;
}

async function treeOfQemu(argvPrefix: readonly string[]): Promise<Map<string, Map<string, string>>> {
  const dir = await tempDir();
  try {
    const file = join(dir.path, 'virt.dtb');
    const [program = '', ...rest] = argvPrefix;
    const argv = [...rest, '-M', `virt,dumpdtb=${file}`, '-m', '256M', '-display', 'none', '-nodefaults'];
    await promisify(execFile)(program, argv, { timeout: QEMU_DEADLINE_MS });
    return flatten(decodeFdt(readFileSync(file)));
  } finally {
    await dir.remove();
  }
}

const qemu = findInCache().qemu('11.1', 'riscv64');
if ('missing' in qemu) {
  skipSuite(SUITE, qemu.missing);
} else {
  const chosen = { bootargs: null, initrd: null, rngSeed: new Uint8Array(32) };
  const ours = flatten(decodeFdt(encodeFdt(buildDeviceTree(256 * 2 ** 20, chosen))));

  test('every node of ours is there with the same properties and values', async () => {
    const theirs = await treeOfQemu(qemu.argvPrefix);
    for (const [path, properties] of ours) {
      const expected = theirs.get(path);
      assert.ok(expected, `QEMU has no node ${path}`);
      for (const [name, value] of properties) assert.is(value, expected.get(name), `${path} ${name}`);
    }
  });

  test('what QEMU has besides belongs to devices that we have not', async () => {
    const theirs = await treeOfQemu(qemu.argvPrefix);
    const missing = [...theirs.keys()].filter((path) => !ours.has(path));
    assert.equal(missing.sort(), [
      '/flash@20000000',
      '/fw-cfg@10100000',
      '/platform-bus@4000000',
      '/pmu',
      '/soc/pci@30000000',
    ]);
  });

  test.run();
}
