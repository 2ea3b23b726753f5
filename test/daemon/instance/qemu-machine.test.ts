import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultMac, type QemuSpec, resolve } from '../../../daemon/instance/qemu-machine.js';
import type { QemuAbilities } from '../../../daemon/qemu-abilities.js';

const SPEC: QemuSpec = {
  memoryMiB: 64,
  vcpus: 1,
  kernel: '/kernel',
  initrd: null,
  commandLine: null,
  firmware: null,
  build: null,
};

const machine = (name: string, alias: string | null = null) => ({
  name,
  alias,
  deprecated: false,
  maxVcpus: 8,
});

const BINARY: QemuAbilities = {
  architecture: 'x86_64',
  machineTypes: [machine('isapc'), machine('pc-q35-10.0'), machine('pc-q35-11.1', 'q35'), machine('microvm')],
  accelerators: ['kvm', 'tcg'],
  capabilities: [],
  parameters: [],
  channelTypes: [],
};

const refusals = (spec: Partial<QemuSpec>, binary: QemuAbilities = BINARY) =>
  resolve({ ...SPEC, ...spec }, binary).refusals;

const test = suite('a machine for QEMU');

test('what the document leaves out is resolved against the build, once and for all', () => {
  assert.equal(resolve(SPEC, BINARY).choices, {
    architecture: 'x86_64',
    machineType: 'pc-q35-11.1',
    accelerator: 'kvm',
    cpu: null,
    disks: [],
    nics: [],
  });
  const riscv64 = {
    ...BINARY,
    architecture: 'riscv64',
    machineTypes: [machine('virt')],
    accelerators: ['tcg'] as const,
  };
  const { choices } = resolve(SPEC, riscv64);
  assert.equal([choices?.machineType, choices?.accelerator], ['virt', 'tcg']);
});

test('what the document says is taken, an alias by the name behind it', () => {
  const chosen = resolve({ ...SPEC, machineType: 'pc-q35-10.0', accelerator: 'tcg', cpu: 'max' }, BINARY);
  assert.equal(
    [chosen.choices?.machineType, chosen.choices?.accelerator, chosen.choices?.cpu],
    ['pc-q35-10.0', 'tcg', 'max'],
  );
  assert.is(resolve({ ...SPEC, machineType: 'q35' }, BINARY).choices?.machineType, 'pc-q35-11.1');
});

test('what the build cannot do is refused with what it can', () => {
  assert.equal(refusals({ architecture: 'riscv64' }), [
    'architecture is riscv64, but the build runs x86_64 guests',
  ]);
  assert.equal(refusals({ machineType: 'pc-q35-9.2' }), [
    'machineType is pc-q35-9.2, but of the build only these can be used: pc-q35-10.0, pc-q35-11.1, microvm',
  ]);
  assert.equal(refusals({ vcpus: 9 }), ['vcpus must be at most 8 for pc-q35-11.1, got 9']);
  assert.equal(refusals({ accelerator: 'kvm' }, { ...BINARY, accelerators: ['tcg'] }), [
    'accelerator is kvm, but with the build only tcg works here',
  ]);
  assert.equal(refusals({}, { ...BINARY, accelerators: [] }), [
    'accelerator is not given, but with the build only none works here',
  ]);
  assert.equal(refusals({}, { ...BINARY, architecture: 's390x' }), [
    'machineType must be given: there is no default for s390x',
  ]);
});

test('a machine type that our command line does not describe is refused', () => {
  assert.match(refusals({ machineType: 'isapc' })[0] ?? '', /machineType is isapc/);
});

test('network addresses stay with the machine and differ between machines and cards', () => {
  const [one, other] = ['a', 'b'].map((id) => defaultMac(id, 0));
  assert.match(one ?? '', /^52:54:00(:[0-9a-f]{2}){3}$/);
  assert.is(defaultMac('a', 0), one);
  assert.is.not(other, one);
  assert.is.not(defaultMac('a', 1), one);
});

test.run();
