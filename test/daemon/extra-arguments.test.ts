import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { refusedArguments } from '../../daemon/extra-arguments.js';

const test = suite('extra arguments');

test('what neither the daemon nor the document says may be added', () => {
  assert.equal(refusedArguments([]), []);
  assert.equal(
    refusedArguments([
      ...['-device', 'virtio-rng-pci', '-rtc', 'base=utc', '-machine', 'hpet=off', '-no-reboot'],
      ...['-global', 'virtio-net-pci.romfile=', '-action', 'panic=none', '-object', 'rng-builtin,id=r'],
    ]),
    [],
  );
});

for (const args of [
  ['-incoming', 'defer'],
  ['--incoming', 'defer'],
  ['-S'],
  ['-qmp', 'unix:/q'],
  ['-daemonize'],
  ['-pidfile', '/p'],
  ['-run-with', 'user=nobody'],
  ['-add-fd', 'fd=3,set=1'],
  ['-m', '1G'],
  ['-snapshot'],
  ['-no-shutdown'],
  ['-action', 'panic=none,shutdown=pause'],
  ['-machine', 'memory-backend=other'],
  ['-M', 'hpet=off,aux-ram-share=off'],
  ['-machine', 'microvm'],
  ['-machine', 'type=microvm'],
  ['-set', 'object.ram0.share=off'],
  ['-global', 'memory-backend-memfd.share=off'],
  ['-global', 'driver=migration,property=x-return-path,value=off'],
  ['-readconfig', '/c'],
]) {
  test(`${args.join(' ')} is refused by name`, () => {
    const [refusal = '', ...others] = refusedArguments(['-rtc', 'base=utc', ...args]);
    assert.ok(refusal.includes(`must not have ${args[0]}: it `), refusal);
    assert.equal(others, []);
  });
}

test('a refusal says which member of the document says the same', () => {
  assert.match(refusedArguments(['-smp', '2']).join(), /-smp: it is said by the member vcpus/);
});

test('what does not begin with an option would be taken for a disk', () => {
  assert.match(refusedArguments(['/etc/shadow']).join(), /must begin with an option .*, got \/etc\/shadow/);
});

test.run();
