import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { debianCommandLine } from './command-line.js';
import { DISK_LABEL } from './disk.js';
import { ROOT_INIT } from './root-initramfs.js';

const test = suite('command line of the Debian guest');
/** The kernel cuts it off here, without a word. */
const KERNEL_LIMIT = 1024;

test('it names the root by its label, writable, and the serial console', () => {
  const words = debianCommandLine().split(' ');
  for (const word of [`root=LABEL=${DISK_LABEL}`, 'rw', 'console=ttyS0'])
    assert.ok(words.includes(word), word);
  assert.is(new Set(words).size, words.length);
});

test('what is added comes last, with room for it', () => {
  const line = debianCommandLine('ip=192.0.2.2::192.0.2.1:255.255.255.0::eth0:off', 'panic=-1');
  assert.ok(line.endsWith(':eth0:off panic=-1'));
  assert.ok(line.length < KERNEL_LIMIT / 2);
});

test('what it says of the root is what the initramfs reads', () => {
  for (const word of ['root=*)', 'rootflags=*)', 'init=*)', 'rw|ro)', 'LABEL=*|UUID=*)']) {
    assert.ok(ROOT_INIT.includes(word), word);
  }
});

test.run();
