import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BUNDLES, SOURCES } from './bundles.js';
import { products, wantedProducts } from './fetch.js';

const test = suite('what is to be fetched');
const all = products({ cache: '/nowhere', refresh: false, only: [], log: () => {} });
const names = (only: readonly string[]) => wantedProducts(all, only).map(({ name }) => name);

test('without a name everything is', () => {
  assert.equal(
    names([]),
    all.map(({ name }) => name),
  );
});

test('a product brings what it is made with, before it and once', () => {
  assert.equal(names(['debian']), ['kernel-6.12-riscv64', 'qemu-11.1', 'debian']);
  assert.equal(names(['qemu-11.1', 'debian']), ['qemu-11.1', 'kernel-6.12-riscv64', 'debian']);
  assert.equal(names(['passt']), ['passt']);
});

test('a name that is none is refused with those that are', () => {
  assert.throws(() => names(['debain']), /expected one of kernel-6.12-riscv64, .*debian, .*, got debain/);
});

test('every product is made of bundles that are fetched', () => {
  const bundles = [...BUNDLES, ...SOURCES].map(({ name }) => name);
  for (const { name, bundles: made } of all) {
    for (const bundle of made) assert.ok(bundles.includes(bundle), `${bundle} of ${name}`);
  }
});

test.run();
