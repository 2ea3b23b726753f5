import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BoundedCache } from '../../../daemon/preflight/bounded-cache.js';

const test = suite('bounded cache');

test('an answer is made once, also for those who ask while it is on its way', async () => {
  const cache = new BoundedCache<number>(2);
  let made = 0;
  const make = async () => {
    made += 1;
    return made;
  };
  assert.equal(await Promise.all([cache.get('a', make), cache.get('a', make)]), [1, 1]);
  assert.is(await cache.get('a', make), 1);
});

test('what was not used for longest goes first', async () => {
  const cache = new BoundedCache<string>(2);
  const value = (text: string) => async () => text;
  await cache.get('a', value('a1'));
  await cache.get('b', value('b1'));
  await cache.get('a', value('a2'));
  await cache.get('c', value('c1'));
  assert.is(cache.size, 2);
  assert.equal([await cache.get('a', value('a3')), await cache.get('b', value('b2'))], ['a1', 'b2']);
});

test('what failed is asked again', async () => {
  const cache = new BoundedCache<string>(2);
  const failed = cache.get('a', () => Promise.reject(new Error('no')));
  assert.is(await failed.catch((error) => error.message), 'no');
  assert.is(await cache.get('a', async () => 'yes'), 'yes');
});

test.run();
