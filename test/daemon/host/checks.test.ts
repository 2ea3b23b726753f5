/** What is said of a host, from what it has. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Build } from '../../../daemon/build.js';
import { checkHost, HOST_CHECKS, type Inventory } from '../../../daemon/host/checks.js';
import type { HostFacts } from '../../../daemon/host/facts.js';

const GIB = 1024 ** 3;

const room = (path: string) => ({ path, totalBytes: 100 * GIB, freeBytes: 50 * GIB, isTmpfs: false });

const FIT: HostFacts = {
  hostname: 'h',
  kernel: '6.12.3-amd64',
  architecture: 'x64',
  cpus: 8,
  memoryBytes: 16 * GIB,
  memoryAvailableBytes: 8 * GIB,
  hugePages: { total: 0, free: 0, sizeBytes: 2 * 1024 * 1024 },
  stateDir: room('/var/lib/baton'),
  runtimeDir: { ...room('/run/baton'), isTmpfs: true },
  nodeVersion: '22.11.0',
  fileLimit: 65_536,
  openFiles: 40,
  kvm: 'usable',
  tun: 'usable',
  hasSystemd: true,
  runsVmmsAsRoot: false,
};

function build(fileState: Build['fileState']): Build {
  const files = { path: '/b', contentHash: '', files: ['/b'], fileStamp: '', fileState };
  return { id: 'b', kind: 'qemu', version: '1', abilities: { modes: [] }, addedAtMs: 0, ...files };
}

const INVENTORY: Inventory = {
  machines: 10,
  runningMemoryMiB: 4096,
  largestMemoryMiB: 2048,
  builds: [build('as-registered')],
};

const test = suite('host checks');

test('a host that is fit has nothing to be done', () => {
  const checks = checkHost(FIT, INVENTORY);
  assert.equal(
    checks.filter(({ severity, remedy }) => severity !== 'ok' || remedy !== null),
    [],
  );
  const codes = new Set(checks.map(({ code }) => code));
  assert.equal([...codes].sort(), Object.keys(HOST_CHECKS).sort());
});

for (const [what, facts, inventory, code, severity, words] of [
  ['an old Node', { nodeVersion: '18.20.1' }, {}, 'node_version', 'block', /18\.20\.1/],
  ['an early Node 20', { nodeVersion: '20.18.9' }, {}, 'node_version', 'block', /20\.19/],
  ['an old kernel', { kernel: '4.18.0-el8' }, {}, 'kernel_version', 'warn', /4\.18\.0/],
  ['no systemd', { hasSystemd: false }, {}, 'systemd', 'info', /no systemd/],
  ['no user for VMMs', { runsVmmsAsRoot: true }, {}, 'vmm_user', 'warn', /run as root/],
  ['no KVM', { kvm: 'missing' }, {}, 'kvm', 'info', /slowly/],
  ['KVM for others only', { kvm: 'forbidden' }, {}, 'kvm', 'warn', /must not be opened/],
  ['no tun', { tun: 'missing' }, {}, 'tun', 'info', /no tap interfaces/],
  ['more guest memory than there is', {}, { runningMemoryMiB: 20_000 }, 'memory', 'warn', /20000 MiB/],
  ['no memory left', { memoryAvailableBytes: GIB }, {}, 'memory', 'warn', /1024 MiB can be had/],
  [
    'memory in huge pages',
    { hugePages: { total: 512, free: 512, sizeBytes: 2 * 1024 * 1024 } },
    {},
    'huge_pages',
    'info',
    /1024 MiB/,
  ],
  [
    'most memory in huge pages',
    { hugePages: { total: 6000, free: 0, sizeBytes: 2 * 1024 * 1024 } },
    {},
    'huge_pages',
    'warn',
    /12000 MiB/,
  ],
  ['a full disk', { stateDir: { ...room('/s'), freeBytes: 1 } }, {}, 'state_room', 'block', /0 MiB are free/],
  [
    'a disk that is nearly full',
    { stateDir: { ...room('/s'), freeBytes: GIB / 2 } },
    {},
    'state_room',
    'warn',
    /512 MiB are free/,
  ],
  [
    'no room for the largest guest',
    { stateDir: { ...room('/s'), freeBytes: 1.5 * GIB } },
    {},
    'state_room',
    'warn',
    /cannot be suspended/,
  ],
  [
    'a state folder in memory',
    { stateDir: { ...room('/s'), isTmpfs: true } },
    {},
    'state_room',
    'warn',
    /reboot/,
  ],
  ['no state folder', { stateDir: null }, {}, 'state_room', 'warn', /cannot be looked at/],
  [
    'a full runtime folder',
    { runtimeDir: { ...room('/r'), freeBytes: 1 } },
    {},
    'runtime_room',
    'warn',
    /upgrades/,
  ],
  ['long paths', { runtimeDir: room(`/${'r'.repeat(90)}`) }, {}, 'socket_paths', 'block', /118 of 107/],
  ['few files', { fileLimit: 300 }, {}, 'file_descriptors', 'warn', /may need 416 for 10 machines/],
  ['no build', {}, { builds: [] }, 'builds', 'block', /no build/],
  ['a replaced build', {}, { builds: [build('replaced')] }, 'build_files', 'warn', /not what was registered/],
  ['a build that is gone', {}, { builds: [build('deleted')] }, 'builds', 'block', /no build/],
] as const) {
  test(`${what}: it is said, with what would help`, () => {
    const checks = checkHost({ ...FIT, ...facts } as HostFacts, { ...INVENTORY, ...inventory });
    const said = checks.find((check) => check.code === code && check.severity !== 'ok');
    assert.is(said?.severity, severity, JSON.stringify(checks));
    assert.match(said?.sentence ?? '', words);
    assert.ok((said?.remedy ?? '').length > 0);
  });
}

test.run();
