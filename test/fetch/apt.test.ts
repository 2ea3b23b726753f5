import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dependencyNames, plannedPackages } from './apt.js';

const test = suite('reading apt');

test('package names are taken from a Depends field, of alternatives the first', () => {
  const depends = 'dracut | initramfs-tools (>= 0.120), linux-binary-7.2+deb14 (= 7.2-1), libc6';
  assert.equal(dependencyNames(depends), ['dracut', 'linux-binary-7.2+deb14', 'libc6']);
  assert.equal(dependencyNames(''), []);
});

test('a simulated installation gives names and versions, with or without an architecture', () => {
  const plan = `NOTE: This is only a simulation!
Inst gcc-16-base (16.2.0-4 Debian:unstable [amd64]) []
Inst libc6:riscv64 [2.36-9] (1:2.43-7 Debian:unstable [riscv64])
Conf gcc-16-base (16.2.0-4 Debian:unstable [amd64])
`;
  assert.equal(plannedPackages(plan), [
    { name: 'gcc-16-base', version: '16.2.0-4' },
    { name: 'libc6', version: '1:2.43-7' },
  ]);
});

test.run();
