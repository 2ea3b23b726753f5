import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HELP } from '../../../vmm/options/help.js';
import type { VmmOptions } from '../../../vmm/options/options.js';
import { OptionError, parseOptions } from '../../../vmm/options/options.js';
import { OPTION_NAMES } from '../../../vmm/options/parse.js';

const test = suite('parseOptions');
const KERNEL = ['-kernel', '/boot/Image'];
const MIB = 2 ** 20;

function parse(...argv: string[]): VmmOptions {
  return parseOptions([...KERNEL, ...argv]);
}

function refusal(...argv: string[]): string {
  try {
    parse(...argv);
  } catch (error) {
    assert.instance(error, OptionError);
    return (error as OptionError).message;
  }
  throw new Error(`expected a refusal of ${argv.join(' ')}`);
}

test('no machine: monitors only, and nothing for a machine', () => {
  const options = parseOptions([
    '-machine',
    'none',
    '-qmp',
    'stdio',
    '-S',
    '-nodefaults',
    '-display',
    'none',
  ]);
  assert.is(options.machine.type, 'none');
  assert.is(options.memory.sizeBytes, 0);
  for (const [option, value] of [
    ['-kernel', '/boot/Image'],
    ['-serial', 'null'],
    ['-incoming', 'defer'],
  ]) {
    const parse = () => parseOptions(['-machine', 'none', option as string, value as string]);
    assert.throws(parse, (error: Error) => error.message === `${option}: needs a machine, but it is none`);
  }
});

test('a kernel alone makes a machine of 128 MiB with the built-in firmware and no port', () => {
  const options = parse();
  assert.is(options.action, 'run');
  assert.is(options.memory.sizeBytes, 128 * MIB);
  assert.equal(options.boot.bios, { mode: 'sbi', path: null });
  assert.is(options.boot.kernel, '/boot/Image');
  assert.equal(options.serials, []);
  assert.is(options.incoming, null);
});

test('the command line of the daemon is understood whole', () => {
  const options = parse(
    ...['-machine', 'virt,memory-backend=ram0,aux-ram-share=on'],
    ...['-object', 'memory-backend-memfd,id=ram0,size=268435456,share=on', '-m', '256M'],
    ...['-append', 'console=ttyS0', '-initrd', '/boot/initrd'],
    ...['-chardev', 'socket,id=serial0,path=/run/s.sock,server=on,wait=off,logfile=/run/c.log'],
    ...['-serial', 'chardev:serial0', '-qmp', 'unix:/run/qmp.sock,server=on,wait=off'],
    ...['-display', 'none', '-nodefaults', '-name', 'web', '-S'],
    ...['-uuid', '6F1C8E3A-0000-4000-8000-000000000001'],
    ...['-incoming', 'defer'],
    ...[
      '-incoming',
      '{"channel-type":"cpr","addr":{"transport":"socket","type":"unix","path":"/run/cpr.sock"}}',
    ],
    ...['-global', 'migration.x-events=on'],
  );
  assert.equal(options.machine, {
    type: 'virt',
    memoryBackend: 'ram0',
    auxRamShare: true,
    dumpDtb: null,
    anonAlloc: 'mmap',
    thread: 'single',
  });
  assert.equal(options.memory, {
    sizeBytes: 256 * MIB,
    backends: [
      {
        id: 'ram0',
        type: 'memory-backend-memfd',
        sizeBytes: 256 * MIB,
        share: true,
        prealloc: false,
        path: null,
      },
    ],
  });
  assert.equal(options.serials, ['serial0']);
  assert.equal(options.chardevs[0], {
    id: 'serial0',
    logfile: '/run/c.log',
    logAppend: false,
    backend: 'socket',
    path: '/run/s.sock',
    server: true,
    wait: false,
    reconnectMs: 0,
  });
  assert.equal(options.monitors, [{ chardev: 'compat_monitor0', mode: 'control', pretty: false }]);
  assert.equal(options.incoming, { main: { kind: 'defer' }, cpr: { path: '/run/cpr.sock' } });
  assert.equal(options.migrationDefaults, { events: true });
  assert.is(options.uuid, '6f1c8e3a-0000-4000-8000-000000000001');
  assert.is(options.startStopped, true);
});

test('sizes take suffixes, fractions and hexadecimal; -m counts in MiB', () => {
  assert.is(parse('-m', '64').memory.sizeBytes, 64 * MIB);
  assert.is(parse('-m', '1.5G').memory.sizeBytes, 1536 * MIB);
  assert.is(parse('-m', 'size=0x40').memory.sizeBytes, 64 * MIB);
  assert.is(parse('-m', '65536k').memory.sizeBytes, 64 * MIB);
});

test('RAM size defaults to that of the memory backend', () => {
  const options = parse('-M', 'virt,memory-backend=m', '-object', 'memory-backend-memfd,id=m,size=96M');
  assert.is(options.memory.sizeBytes, 96 * MIB);
});

test('a doubled comma is a comma in the value', () => {
  const options = parse('-serial', 'file:/tmp/a,,b,logfile=/tmp/c');
  assert.is(options.chardevs[0]?.backend === 'file' && options.chardevs[0].path, '/tmp/a,b');
  assert.is(options.chardevs[0]?.logfile, '/tmp/c');
});

test('-incoming over TCP: a URI, IPv6 in brackets, or a channel', () => {
  const main = (text: string) => parse('-incoming', text).incoming?.main;
  assert.equal(main('tcp:0:44444'), { kind: 'inet', host: '0', port: '44444' });
  assert.equal(main('tcp:[::1]:1'), { kind: 'inet', host: '::1', port: '1' });
  const channel = 'main,addr.transport=socket,addr.type=inet,addr.host=::,addr.port=5';
  assert.equal(main(channel), { kind: 'inet', host: '::', port: '5' });
});

test('an incoming cpr channel may be written as a property list', () => {
  const options = parse('-incoming', 'cpr,addr.transport=socket,addr.type=unix,addr.path=/run/c');
  assert.equal(options.incoming, { main: null, cpr: { path: '/run/c' } });
});

test('both dashes are the same and later options win', () => {
  const options = parse('--m', '64M', '-m', '96M', '--bios', 'none');
  assert.is(options.memory.sizeBytes, 96 * MIB);
  assert.is(options.boot.bios.mode, 'none');
});

test('-nographic puts the serial port on stdio unless one was given', () => {
  assert.equal(parse('-nographic').serials, ['serial0']);
  assert.equal(parse('-nographic', '-serial', 'null').chardevs[0]?.backend, 'null');
  assert.equal(parse('-nographic', '-nodefaults').serials, []);
  assert.equal(parseOptions(['-nographic', '-machine', 'none']).serials, []);
});

test('a list of accelerators needs the one that there is', () => {
  assert.is(parse('-machine', 'virt,accel=kvm:tcg').machine.type, 'virt');
  assert.throws(() => parse('-machine', 'virt,accel=kvm:hvf'), /'accel' supports only 'tcg', got 'kvm:hvf'/);
});

test('-daemonize and a character device on stdio do not go together', () => {
  assert.is(parse('-daemonize', '-serial', 'null').daemonize, true);
  assert.throws(() => parse('-daemonize', '-nographic'), /background has no stdio/);
});

test('-help and -version need nothing else', () => {
  assert.is(parseOptions(['-help']).action, 'help');
  assert.is(parseOptions(['-version']).action, 'version');
});

test('-machine dumpdtb needs no kernel', () => {
  const options = parseOptions(['-machine', 'virt,dumpdtb=/tmp/x.dtb']);
  assert.is(options.action, 'dumpdtb');
  assert.is(options.machine.dumpDtb, '/tmp/x.dtb');
});

test('-action says what a reboot and a shutdown do', () => {
  const options = parse('-action', 'reboot=shutdown,shutdown=pause');
  assert.is(options.noReboot, true);
  assert.is(options.noShutdown, true);
});

const REFUSALS: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['an unknown option', ['-cdrom', 'x'], /^-cdrom: unknown option/],
  ['a stray word', ['disk.img'], /^disk\.img: expected an option/],
  ['an option without its argument', ['-m'], /^-m: requires an argument/],
  ['an unknown machine property', ['-M', 'virt,foo=on'], /^-M: unknown parameter 'foo'/],
  [
    'another machine',
    ['-machine', 'q35'],
    /^-machine: parameter 'type' supports only 'virt', 'none', got 'q35'/,
  ],
  ['KVM', ['-accel', 'kvm'], /^-accel: .*only 'tcg', got 'kvm'/],
  ['two harts', ['-smp', '2'], /^-smp: .*only '1', got '2'/],
  ['RAM of 0', ['-m', '0'], /^-m: RAM size must be above 0/],
  ['RAM beyond the limit', ['-m', '8G'], /^-m: RAM of 8589934592 bytes is beyond the limit of 3758096384/],
  ['a size that is none', ['-m', '12Q'], /^-m: parameter 'size' expects a size.*'12Q'/],
  ['a negative size', ['-m', '-5'], /^-m: parameter 'size' expects a size.*'-5'/],
  ['a backend that is not there', ['-M', 'virt,memory-backend=x'], /^-machine: memory backend 'x' not found/],
  [
    'a backend of another size',
    ['-M', 'virt,memory-backend=m', '-object', 'memory-backend-memfd,id=m,size=64M', '-m', '128M'],
    /^-m: machine memory size 134217728 does not match size 67108864 of memory backend 'm'/,
  ],
  [
    'a backend nobody uses',
    ['-object', 'memory-backend-memfd,id=m,size=1M'],
    /^-object: 'm' is used by nothing/,
  ],
  ['a backend of size 0', ['-object', 'memory-backend-memfd,id=m,size=0'], /^-object: m: parameter 'size'/],
  ['another object', ['-object', 'secret,id=r'], /^-object: invalid object type 'secret'/],
  ['a file backend without a path', ['-object', 'memory-backend-file,id=m,size=1M'], /'mem-path' is missing/],
  [
    'a switch that is neither on nor off',
    ['-M', 'virt,aux-ram-share=2'],
    /'aux-ram-share' expects 'on' or 'off'/,
  ],
  ['an initrd without a kernel', [], /^-initrd: needs -kernel/],
  ['a serial port on no chardev', ['-serial', 'chardev:x'], /^-serial: chardev 'x' not found/],
  ['a chardev without an id', ['-chardev', 'null'], /^-chardev: parameter 'id' is missing/],
  ['a chardev we have not', ['-chardev', 'vc,id=a'], /^-chardev: backend 'vc' is not offered/],
  [
    'an id that is none',
    ['-chardev', 'null,id=a/b'],
    /^-chardev: parameter 'id' expects an identifier, got 'a\/b'/,
  ],
  ['a socket over TCP', ['-chardev', 'socket,id=a,path=/a,port=1'], /^-chardev: unknown parameter 'port'/],
  ['the same id twice', ['-chardev', 'null,id=a', '-chardev', 'null,id=a'], /duplicate chardev id 'a'/],
  [
    'a chardev with two users',
    ['-chardev', 'null,id=a', '-serial', 'chardev:a', '-mon', 'chardev=a,mode=control'],
    /^-mon: chardev 'a' is already in use/,
  ],
  ['the shared monitor port', ['-serial', 'mon:stdio'], /^-serial: 'mon:stdio'.*not offered, use stdio/],
  ['a monitor on nothing', ['-monitor', 'nonsense'], /^-monitor: 'nonsense' is not offered/],
  ['a display', ['-display', 'gtk'], /^-display: 'gtk' is not offered/],
  [
    'a socket path that does not fit',
    ['-qmp', `unix:/${'x'.repeat(107)},server=on`],
    /108 bytes is too long/,
  ],
  ['broken JSON', ['-incoming', '{"channel-type":'], /^-incoming: invalid JSON/],
  ['an unknown channel', ['-incoming', '{"channel-type":"x"}'], /'channel-type' does not accept value 'x'/],
  [
    'a migration over RDMA',
    ['-incoming', 'rdma:0:1'],
    /^-incoming: migration protocol of 'rdma:0:1' is not offered/,
  ],
  [
    'a port beyond all',
    ['-incoming', 'tcp:0:65536'],
    /^-incoming: expected a port from 0 to 65535, got '65536'/,
  ],
  ['an address without a port', ['-incoming', 'tcp:host'], /^-incoming: error parsing address 'host'/],
  ['an unknown global', ['-global', 'migration.foo=on'], /^-global: unknown property 'migration.foo'/],
  ['a malformed uuid', ['-uuid', '1234'], /^-uuid: expected xxxxxxxx/],
  ['two serial ports', ['-serial', 'null', '-serial', 'null'], /^-serial: given twice/],
];

for (const [what, argv, expected] of REFUSALS) {
  test(`refuses ${what} and names it`, () => {
    if (what === 'an initrd without a kernel') {
      assert.throws(() => parseOptions(['-bios', 'fw', '-initrd', 'x']), expected);
    } else {
      assert.match(refusal(...argv), expected);
    }
  });
}

test('refuses to start with nothing to start', () => {
  assert.throws(() => parseOptions(['-m', '64M']), /^.*-kernel: is missing/);
  assert.is(parseOptions(['-bios', 'fw.bin']).boot.bios.path, 'fw.bin');
});

test('-help names exactly the options there are', () => {
  const named = new Set([...HELP.matchAll(/(?<=[\s,])-([A-Za-z][a-z-]*)/g)].map((match) => match[1]));
  const missing = OPTION_NAMES.filter((name) => !named.has(name));
  assert.equal(missing, []);
  const unknown = [...named].filter((name) => name !== 'option' && !OPTION_NAMES.includes(name ?? ''));
  assert.equal(unknown, []);
});

test('no word of a command line crashes the parser', () => {
  const words = [
    '',
    ',',
    ',,',
    '=',
    'a=',
    '=b',
    '{',
    '{}',
    '[]',
    '{"a":null}',
    'a,,=,b',
    '__proto__=1',
    'constructor',
  ];
  const names = [
    'M',
    'cpu',
    'smp',
    'm',
    'object',
    'chardev',
    'serial',
    'qmp',
    'mon',
    'incoming',
    'global',
    'name',
  ];
  for (const name of [...names, 'constructor', '__proto__', 'toString', '-', '']) {
    for (const word of words) {
      try {
        parse(`-${name}`, word);
      } catch (error) {
        assert.instance(error, OptionError, `-${name} '${word}': ${error}`);
      }
    }
  }
});

test.run();
