/** Command lines as people write them, and what the daemon makes of them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { adoptedArguments, carriableLine, obstaclesOf } from '../../../daemon/instance/adopted-line.js';
import { publishedSockets } from '../../../daemon/instance/adopted-sockets.js';
import { formatOptions, parseOptions } from '../../../daemon/instance/qemu-options.js';
import { instancePaths } from '../../../daemon/instance.js';

const PATHS = instancePaths({ socketsDir: '/r/2', logsDir: '/l/2' });
const MONITOR = ['-qmp', 'unix:/r/2/qmp.sock,server=on,wait=off'];

function rewritten(text: string, incoming: 'cpr' | 'state' | null = null): string[] {
  const line = { args: text.split(' '), folder: '/vm' };
  return adoptedArguments({ line, machineType: 'pc-q35-10.0', paths: PATHS, incoming });
}

/** Without what is at the end of every line. */
function own(text: string): string {
  const args = rewritten(text);
  assert.equal(args.slice(-3), [...MONITOR, '-S']);
  return args.slice(0, -3).join(' ');
}

const test = suite('command lines of adopted machines');

test('a line is taken apart and put together again without loss', () => {
  const args = ['-M', 'q35', '-S', '--enable-kvm', '-append', '-x y', 'disk.img', '-drive', 'file=a,,b.img'];
  const options = parseOptions(args);
  assert.equal(
    options.map(({ name }) => name),
    ['-M', '-S', '-enable-kvm', '-append', '', '-drive'],
  );
  assert.equal(
    formatOptions(options),
    args.map((arg) => arg.replace(/^--/, '-')),
  );
});

test('what the daemon says itself is taken out, in both spellings', () => {
  const before = '-M q35 -S -daemonize --pidfile /p -incoming defer --incoming tcp:0:1 -loadvm s -m 64';
  assert.is(own(before), '-machine pc-q35-10.0 -m 64');
});

test('the machine type is the one with the version, however it was given, or not given', () => {
  assert.is(own('-machine q35,accel=tcg'), '-machine pc-q35-10.0,accel=tcg');
  assert.is(own('-machine accel=tcg,type=q35'), '-machine pc-q35-10.0,accel=tcg');
  assert.is(own('--M q35 -M hpet=off'), '-machine pc-q35-10.0 -M hpet=off');
  assert.is(own('-m 64'), '-m 64 -machine pc-q35-10.0');
});

test('a target waits for its source, and has the same line otherwise', () => {
  const [cold, state, cpr] = [rewritten('-M q35'), rewritten('-M q35', 'state'), rewritten('-M q35', 'cpr')];
  assert.equal(state, [...cold.slice(0, -1), '-incoming', 'defer', '-S']);
  assert.equal(cpr.slice(0, -3), state.slice(0, -1));
  const channel = JSON.parse(cpr.at(-2) ?? '');
  assert.equal(channel, {
    'channel-type': 'cpr',
    addr: { transport: 'socket', type: 'unix', path: '/r/2/cpr.sock' },
  });
});

test('every server socket gets a path of its own, and waits for nobody', () => {
  const line =
    '-M q35 -qmp unix:q.sock,server,nowait -monitor unix:/run/m,,1,server=on,wait=on -vnc unix:/run/vnc ' +
    '-chardev socket,id=c,path=/run/c,server=on -device virtio-serial -serial mon:unix:s,server -chardev socket,id=d,path=/client';
  assert.is(
    own(line),
    '-machine pc-q35-10.0 -qmp unix:/r/2/s0.sock,server=on,wait=off -monitor unix:/r/2/s1.sock,server=on,wait=off ' +
      '-vnc unix:/r/2/s2.sock -chardev socket,path=/r/2/s3.sock,id=c,server=on,wait=off -device virtio-serial ' +
      '-serial mon:unix:/r/2/s4.sock,server=on,wait=off,logfile=/l/2/console.log,logappend=on -chardev socket,id=d,path=/client',
  );
  assert.equal(
    publishedSockets({ args: line.split(' '), folder: '/vm' }, PATHS).map(({ path }) => path),
    ['/vm/q.sock', '/run/m,1', '/run/vnc', '/run/c', '/vm/s'],
  );
});

test('the console is the first serial port, also by its character device, whose log stays', () => {
  assert.is(
    own('-M q35 -serial chardev:a -chardev socket,path=/s,id=a,server,nowait,logfile=/log'),
    '-machine pc-q35-10.0 -serial chardev:a -chardev socket,path=/r/2/s0.sock,id=a,logfile=/log,server=on,wait=off,logappend=on',
  );
});

test('files that are written to are not emptied', () => {
  assert.is(
    own('-M q35 -serial file:/a,b -chardev file,id=f,path=/f -chardev stdio,id=g,logfile=/g,logappend=off'),
    '-machine pc-q35-10.0 -chardev file,id=serial0,path=/a,,b,append=on -serial chardev:serial0 ' +
      '-chardev file,id=f,path=/f,append=on -chardev stdio,id=g,logfile=/g,logappend=on',
  );
});

test('what it was rewritten to does not depend on how often', () => {
  const once = carriableLine({ args: ['-M', 'q35', '-m', '64'], folder: '/' }, 64);
  assert.equal(carriableLine(once, 64), once);
});

test('a cold start gets memory that can be handed over, unless the line names its own', () => {
  const carriable = (text: string) =>
    carriableLine({ args: text.split(' '), folder: '/' }, 64).args.join(' ');
  const ram = '-object memory-backend-memfd,id=baton-ram,size=67108864,share=on';
  assert.is(carriable('-M q35 -m 64'), `-machine q35,memory-backend=baton-ram,aux-ram-share=on -m 64 ${ram}`);
  assert.is(carriable('-m 64'), `-m 64 -machine memory-backend=baton-ram,aux-ram-share=on ${ram}`);
  assert.is(
    carriable('-M q35,memory-backend=m,aux-ram-share=off -object memory-backend-ram,id=m,size=64M'),
    '-machine q35,memory-backend=m,aux-ram-share=on -object memory-backend-ram,id=m,size=64M,share=on',
  );
  const file = '-object memory-backend-file,id=m,mem-path=/disk,size=64M,share=off';
  assert.ok(carriable(`-M q35,memory-backend=m ${file}`).endsWith(file));
});

test('what only one process can have is told, with the option', () => {
  const obstacles = (text: string) => obstaclesOf({ args: text.split(' '), folder: '/' });
  for (const line of [
    '-netdev tap,id=n,fd=7',
    '-netdev user,id=n,hostfwd=tcp::22-:22',
    '-add-fd fd=3,set=1',
    '-drive file=/dev/fdset/1',
    '-vnc :1',
    '-serial tcp::4444,server',
    '-monitor telnet:127.0.0.1:4444,server,nowait',
    '-chardev socket,id=c,host=0,port=1,server=on',
    '-spice port=5900',
    '-s',
  ]) {
    const found = obstacles(`-M q35 ${line} -m 64`);
    assert.is(found.length, 1, line);
    assert.ok(found[0]?.startsWith(line), found[0]);
  }
  const fine = '-vnc unix:/s -netdev user,id=n -chardev socket,id=c,host=h,port=1 -serial stdio -vnc none';
  assert.equal(obstacles(fine), []);
});

test.run();
