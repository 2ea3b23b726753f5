import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_HARDWARE } from '../../../daemon/hardware.js';
import { defaultMac, resolveHardware } from '../../../daemon/instance/qemu-machine.js';
import { DEFAULT_HOST_POLICY, type MachineSpec } from '../../../daemon/machine.js';
import type { QemuAbilities } from '../../../daemon/qemu-abilities.js';

const SPEC: MachineSpec = {
  ...DEFAULT_HARDWARE,
  ...DEFAULT_HOST_POLICY,
  memoryMiB: 64,
  vcpus: 1,
  kernel: '/kernel',
  initrd: null,
  commandLine: null,
  firmware: null,
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

const refusals = (spec: Partial<MachineSpec>, binary: QemuAbilities = BINARY) =>
  resolveHardware({ ...SPEC, ...spec }, binary).refusals;

const test = suite('a machine for QEMU');

test('what the document leaves out is resolved against the build, once and for all', () => {
  assert.equal(resolveHardware(SPEC, BINARY).hardware, {
    architecture: 'x86_64',
    machineType: 'pc-q35-11.1',
    accelerator: 'kvm',
    cpu: null,
    disks: [],
    nics: [],
    display: null,
    guestAgent: false,
    extraArguments: [],
  });
  const riscv64 = {
    ...BINARY,
    architecture: 'riscv64',
    machineTypes: [machine('virt')],
    accelerators: ['tcg'] as const,
  };
  const { hardware } = resolveHardware(SPEC, riscv64);
  assert.equal([hardware?.machineType, hardware?.accelerator], ['virt', 'tcg']);
});

test('without a kernel there must be something else that boots', () => {
  const disks = [{ path: '/d', format: 'raw', bus: 'virtio', readOnly: false }] as const;
  const noKernel = { kernel: null };
  assert.equal(refusals({ ...noKernel, disks }), []);
  assert.equal(refusals({ ...noKernel, firmware: '/f' }), []);
  assert.equal(refusals({ ...noKernel, firmware: '/f', machineType: 'microvm' }), []);
  assert.match(refusals(noKernel).join(), /kernel must be given when there is neither a disk nor a firmware/);
  assert.match(
    refusals({ ...noKernel, disks, machineType: 'microvm' }).join(),
    /kernel must be given when there is no firmware, and that of the board boots no disk/,
  );
  assert.match(refusals({ ...noKernel, disks, initrd: '/i' }).join(), /initrd goes with a kernel/);
});

test('a screen needs a bus, and arguments of the daemon are its own', () => {
  const display = { kind: 'vnc' } as const;
  assert.equal(refusals({ display }), []);
  assert.match(refusals({ display, machineType: 'microvm' }).join(), /display must be null for microvm/);
  assert.match(refusals({ extraArguments: ['-S'] }).join(), /extraArguments must not have -S/);
});

test('what the document says is taken, an alias by the name behind it', () => {
  const chosen = resolveHardware(
    { ...SPEC, machineType: 'pc-q35-10.0', accelerator: 'tcg', cpu: 'max' },
    BINARY,
  );
  assert.equal(
    [chosen.hardware?.machineType, chosen.hardware?.accelerator, chosen.hardware?.cpu],
    ['pc-q35-10.0', 'tcg', 'max'],
  );
  assert.is(resolveHardware({ ...SPEC, machineType: 'q35' }, BINARY).hardware?.machineType, 'pc-q35-11.1');
});

test('what the build cannot do is refused with what it can', () => {
  assert.equal(refusals({ architecture: 'riscv64' }), [
    'architecture is riscv64, but the guests of the build are x86_64',
  ]);
  assert.equal(refusals({ machineType: 'pc-q35-9.2' }), [
    'machineType is pc-q35-9.2, but with the build it can be pc-q35-11.1, pc-q35-10.0, microvm',
  ]);
  assert.equal(refusals({ vcpus: 9 }), ['vcpus must be at most 8 for pc-q35-11.1, got 9']);
  assert.equal(refusals({ accelerator: 'kvm' }, { ...BINARY, accelerators: ['tcg'] }), [
    'accelerator is kvm, but with the build only tcg works here',
  ]);
  assert.equal(refusals({}, { ...BINARY, accelerators: [] }), [
    'accelerator is not given, but with the build only none works here',
  ]);
  assert.equal(refusals({}, { ...BINARY, architecture: 's390x' }), [
    'architecture is not given, but the guests of the build are s390x, which this daemon does not know',
  ]);
});

test('of what is resolved nothing changes on another build', () => {
  const { hardware } = resolveHardware(SPEC, { ...BINARY, machineTypes: [machine('pc-q35-10.0', 'q35')] });
  assert.ok(hardware);
  const later = resolveHardware({ ...SPEC, ...hardware }, BINARY);
  assert.equal(later.hardware, hardware);
  assert.is(hardware?.machineType, 'pc-q35-10.0');
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
