import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EventHub } from '../../vmm/qmp/events.js';
import { WallClock } from '../../vmm/qmp/wall-clock.js';
import { VmControl, type VmPolicy } from '../../vmm/vm-control.js';
import { waitFor } from '../helpers/wait.js';
import { FakeMachine } from './fake-machine.js';

const POLICY: VmPolicy = { startStopped: false, noReboot: false, noShutdown: false, incoming: false };

interface Fixture {
  readonly vm: VmControl;
  readonly machine: FakeMachine;
  readonly story: string[];
  readonly ends: number[];
  readonly reports: string[];
}

async function create(policy: Partial<VmPolicy> = {}): Promise<Fixture> {
  const events = new EventHub(new WallClock());
  const story: string[] = [];
  events.subscribe(({ event, data }) =>
    story.push(data?.reason === undefined ? event : `${event} ${data.reason}`),
  );
  const ends: number[] = [];
  const reports: string[] = [];
  const vm = new VmControl({
    events,
    policy: { ...POLICY, ...policy },
    ended: (exitCode) => ends.push(exitCode),
    report: (message) => reports.push(message),
  });
  const machine = new FakeMachine();
  machine.events = vm.machineEvents;
  await vm.attach(machine);
  return { vm, machine, story, ends, reports };
}

const nothing = () => {};
const HAND_OVER = { onStopped: nothing, timeGoesOn: true };

const test = suite('VM control');

test('boots at once, with RESUME; with -S it waits for cont', async () => {
  const { vm, machine, story } = await create();
  assert.equal(vm.status(), { status: 'running', running: true });
  assert.equal([machine.take(), story], [['start'], ['RESUME']]);
  const waiting = await create({ startStopped: true });
  assert.equal(waiting.vm.status(), { status: 'prelaunch', running: false });
  await waiting.vm.cont();
  assert.is(waiting.vm.runState, 'running');
});

test('stop and cont are idempotent and emit only what happened', async () => {
  const { vm, machine, story } = await create();
  machine.take();
  await vm.cont();
  await vm.stop();
  await vm.stop();
  await vm.cont();
  assert.equal(machine.take(), ['stop', 'start']);
  assert.equal(story, ['RESUME', 'STOP', 'RESUME']);
});

test('a reset goes on running, and leaves a paused VM in prelaunch', async () => {
  const { vm, machine, story } = await create();
  machine.take();
  await vm.reset();
  assert.equal(machine.take(), ['stop', 'reset', 'start']);
  await vm.stop();
  await vm.reset();
  assert.is(vm.runState, 'prelaunch');
  assert.equal(story, ['RESUME', 'RESET host-qmp-system-reset', 'STOP', 'RESET host-qmp-system-reset']);
});

test('a guest that resets itself is reset and runs on; with -no-reboot the VM ends', async () => {
  const { machine, story } = await create();
  machine.take();
  machine.events?.reset('guest-reset');
  await waitFor(() => machine.calls.includes('start'), { what: 'the restart' });
  assert.equal(story, ['RESUME', 'RESET guest-reset']);
  const final = await create({ noReboot: true });
  final.machine.events?.reset('guest-reset');
  await waitFor(() => final.ends.length > 0, { what: 'the end' });
  assert.equal([final.story, final.ends], [['RESUME', 'SHUTDOWN guest-reset'], [0]]);
});

test('a guest that powers off ends the VM with its exit code, once', async () => {
  const { vm, machine, story, ends } = await create();
  machine.events?.shutdown('guest-shutdown', 7);
  await waitFor(() => ends.length > 0, { what: 'the end' });
  vm.quit('host-signal');
  assert.equal([story, ends], [['RESUME', 'SHUTDOWN guest-shutdown'], [7]]);
});

test('with -no-shutdown it stays, needs a reset, and runs again after it', async () => {
  const { vm, machine, story, ends } = await create({ noShutdown: true });
  machine.events?.shutdown('guest-shutdown', 0);
  await waitFor(() => vm.runState === 'shutdown', { what: 'the shutdown' });
  assert.equal(story, ['RESUME', 'SHUTDOWN guest-shutdown', 'STOP']);
  await rejects(vm.cont(), /Resetting the Virtual Machine is required/);
  await vm.reset();
  await vm.cont();
  assert.is(vm.runState, 'running');
  assert.equal(ends, []);
});

test('a hand-over stops the VM before its state is taken, and tells as soon as it stands', async () => {
  const { vm, machine, story } = await create();
  machine.take();
  let stoppedWith: string[] = [];
  const { saved, stateBefore } = await vm.handOvers.begin({
    timeGoesOn: true,
    onStopped: () => {
      stoppedWith = [...story];
    },
  });
  assert.is(stateBefore, 'running');
  assert.equal(machine.take(), ['stop', 'save true']);
  assert.equal(stoppedWith, ['RESUME', 'STOP']);
  assert.equal(saved.sections, machine.sections);
  await rejects(vm.cont(), /not finalized/);
  vm.handOvers.done();
  assert.is(vm.runState, 'postmigrate');
  await vm.cont();
  assert.is(vm.runState, 'running');
});

test('a hand-over that failed leaves a running VM running and a paused one paused', async () => {
  const { vm, machine, story } = await create();
  await vm.handOvers.begin(HAND_OVER);
  await vm.handOvers.takeBack();
  assert.is(vm.runState, 'running');
  await vm.stop();
  machine.take();
  await vm.handOvers.begin(HAND_OVER);
  assert.equal(machine.take(), ['stop', 'save false']);
  await vm.handOvers.takeBack();
  assert.is(vm.runState, 'paused');
  assert.equal(story, ['RESUME', 'STOP', 'RESUME', 'STOP']);
  await vm.handOvers.takeBack();
  assert.is(vm.runState, 'paused', 'taking back twice changes nothing');
});

test('backends that gave descriptors away hear once how it ended: gone, or kept before the guest runs', async () => {
  const { vm, machine } = await create();
  machine.carriedDescriptors = [{ name: 'chardev/c/peer', id: 0, fd: 9 }];
  machine.take();
  assert.equal(await vm.handOvers.carry(), machine.carriedDescriptors);
  await vm.handOvers.takeBack();
  await vm.handOvers.takeBack();
  assert.equal(machine.take(), ['carry', 'carried kept'], 'it has never stopped');
  await vm.handOvers.carry();
  await vm.handOvers.begin(HAND_OVER);
  await vm.handOvers.takeBack();
  assert.equal(machine.take(), ['carry', 'stop', 'save true', 'carried kept', 'start']);
  await vm.handOvers.carry();
  await vm.handOvers.begin(HAND_OVER);
  vm.handOvers.done();
  await vm.cont();
  await vm.stop();
  await vm.cont();
  const back = ['carried gone', 'carried kept', 'start'];
  assert.equal(machine.take(), ['carry', 'stop', 'save true', ...back, 'stop', 'start']);
});

test('backends that gave nothing away hear nothing', async () => {
  const { vm, machine } = await create();
  machine.take();
  await vm.handOvers.begin(HAND_OVER);
  vm.handOvers.done();
  await vm.cont();
  assert.equal(machine.take(), ['stop', 'save true', 'start']);
});

test('a guest that resets itself in the moment it is stopped is handed over after the reset', async () => {
  const { vm, machine, story } = await create();
  machine.take();
  machine.onStop = () => {
    machine.onStop = nothing;
    machine.events?.reset('guest-reset');
  };
  const { stateBefore } = await vm.handOvers.begin(HAND_OVER);
  assert.is(stateBefore, 'running');
  assert.equal(machine.take(), ['stop', 'save true', 'stop', 'reset', 'save true']);
  assert.equal(story, ['RESUME', 'STOP', 'RESET guest-reset']);
});

test('a guest that powers off in that moment is not handed over', async () => {
  const { vm, machine, ends } = await create();
  machine.onStop = () => machine.events?.shutdown('guest-shutdown', 3);
  await rejects(vm.handOvers.begin(HAND_OVER), /the guest has powered off/);
  assert.equal(ends, [3]);
  const kept = await create({ noShutdown: true });
  kept.machine.onStop = () => {
    kept.machine.onStop = nothing;
    kept.machine.events?.shutdown('guest-shutdown', 3);
  };
  assert.is((await kept.vm.handOvers.begin(HAND_OVER)).stateBefore, 'shutdown');
});

test('a target runs when the source ran, and only after the source was told', async () => {
  const { vm, machine, story } = await create({ incoming: true });
  assert.is(vm.runState, 'inmigrate');
  const order: string[] = [];
  await vm.handOvers.load(Uint8Array.of(9), 'running', async () => {
    order.push(...machine.take(), 'told');
  });
  assert.equal([...order, ...machine.take()], ['load and activate', 'told', 'start']);
  assert.equal([vm.runState, story], ['running', ['RESUME']]);
});

test('a target that cannot tell the source, or cannot load, does not run', async () => {
  const { vm, machine } = await create({ incoming: true });
  const refuse = async () => {
    throw new Error('the source is gone');
  };
  await rejects(vm.handOvers.load(Uint8Array.of(9), 'running', refuse), /the source is gone/);
  machine.loadError = new Error('bad section');
  await rejects(
    vm.handOvers.load(Uint8Array.of(9), 'running', async () => {}),
    /bad section/,
  );
  assert.equal(
    [vm.runState, machine.take()],
    ['inmigrate', ['load and activate', 'inactivate false', 'leave', 'load and activate']],
  );
});

test('a target takes the state of a source that did not run', async () => {
  for (const state of ['paused', 'prelaunch', 'shutdown'] as const) {
    const { vm, machine } = await create({ incoming: true });
    await vm.handOvers.load(Uint8Array.of(9), state, async () => {});
    assert.equal([vm.runState, machine.take()], [state, ['load']]);
  }
});

test('stop and cont before the load decide whether a target runs', async () => {
  const stopped = await create({ incoming: true });
  await stopped.vm.stop();
  await stopped.vm.handOvers.load(Uint8Array.of(9), 'running', async () => {});
  assert.is(stopped.vm.runState, 'paused');
  const continued = await create({ incoming: true, startStopped: true });
  await continued.vm.cont();
  await continued.vm.handOvers.load(Uint8Array.of(9), 'running', async () => {});
  assert.is(continued.vm.runState, 'running');
});

test('what only one process may have is taken at cont by a target that waits, and may be refused', async () => {
  const { vm, machine } = await create({ incoming: true, startStopped: true });
  await vm.handOvers.load(Uint8Array.of(9), 'running', async () => {});
  assert.equal([vm.runState, machine.take()], ['paused', ['load']]);
  machine.activateError = new Error('somebody else has the disk');
  await rejects(vm.cont(), /somebody else has the disk/);
  assert.equal([vm.runState, machine.take()], ['paused', ['activate']]);
  machine.activateError = null;
  await vm.cont();
  await vm.stop();
  await vm.cont();
  assert.equal([vm.runState, machine.take()], ['running', ['activate', 'start', 'stop', 'start']]);
});

test('a source that gave it up takes it back when the hand-over fails, and at cont after it', async () => {
  const { vm, machine } = await create();
  await vm.handOvers.begin(HAND_OVER);
  await vm.handOvers.inactivate();
  machine.take();
  await vm.handOvers.takeBack();
  assert.equal([vm.runState, machine.take()], ['running', ['activate', 'start']]);
  await vm.handOvers.begin(HAND_OVER);
  await vm.handOvers.inactivate();
  vm.handOvers.done();
  machine.take();
  await vm.cont();
  assert.equal([vm.runState, machine.take()], ['running', ['activate', 'start']]);
});

const IO_ERROR = {
  qomPath: '/machine/peripheral/disk0',
  device: '',
  nodeName: 'root',
  operation: 'write',
  action: 'stop',
  error: 'ENOSPC',
  noSpace: true,
} as const;

test('a failed disk stops the VM, and cont goes on; a failure in a VM that stands is only told', async () => {
  const { vm, machine, story } = await create();
  machine.take();
  machine.events?.blockIoError(IO_ERROR, true);
  await vm.rehearse();
  assert.equal([vm.runState, machine.take()], ['io-error', ['stop']]);
  await vm.cont();
  await vm.stop();
  machine.events?.blockIoError(IO_ERROR, false);
  await vm.rehearse();
  assert.is(vm.runState, 'paused');
  const reason = 'No space left on device';
  assert.equal(story, [
    'RESUME',
    `BLOCK_IO_ERROR ${reason}`,
    'STOP',
    'RESUME',
    'STOP',
    `BLOCK_IO_ERROR ${reason}`,
  ]);
});

for (const [kind, policy] of [
  ['reset', {}],
  ['shutdown', { noShutdown: true }],
] as const) {
  test(`a guest's own ${kind} waits for a disk that does not answer, and keeps the VM`, async () => {
    const { vm, machine, story, ends, reports } = await create(policy);
    machine.take();
    machine.stopError = new Error("the host's disk does not answer");
    if (kind === 'reset') machine.events?.reset('guest-reset');
    else machine.events?.shutdown('guest-shutdown', 0);
    await vm.rehearse();
    assert.equal([vm.runState, ends, story], ['io-error', [], ['RESUME', 'STOP']]);
    assert.match(
      reports.join(),
      /own (reset|shutdown) waits for the host's disk, .*: the host's disk does not/,
    );
    await rejects(vm.cont(), /waits for the host's disk, and `cont` tries again/);
    assert.equal([vm.runState, machine.take()], ['io-error', ['stop', 'stop']]);
    machine.stopError = null;
    await vm.cont();
    const isReset = kind === 'reset';
    assert.equal(machine.take(), isReset ? ['stop', 'reset', 'start'] : ['stop']);
    assert.equal(story.slice(2), isReset ? ['RESET guest-reset', 'RESUME'] : ['SHUTDOWN guest-shutdown']);
    assert.equal([vm.runState, ends], [isReset ? 'running' : 'shutdown', []]);
  });
}

test('a disk that fails while the VM is stopped by a command leaves it stopped by the command', async () => {
  const { vm, machine } = await create();
  machine.onStop = () => {
    machine.onStop = nothing;
    machine.events?.blockIoError(IO_ERROR, true);
  };
  await vm.stop();
  await vm.rehearse();
  assert.is(vm.runState, 'paused');
});

test('a machine that fails ends the VM with code 1 and a line for the operator', async () => {
  const { machine, story, ends, reports } = await create();
  machine.events?.failed(new Error('assertion in the core'));
  assert.equal([story, ends], [['RESUME', 'SHUTDOWN host-error'], [1]]);
  assert.equal(reports, ['the machine failed: assertion in the core']);
});

test('the power button is pressed, and said', async () => {
  const { vm, machine, story } = await create();
  machine.take();
  await vm.powerdown();
  assert.equal([machine.take(), story], [['powerdown'], ['RESUME', 'POWERDOWN']]);
});

async function rejects(promise: Promise<unknown>, reason: RegExp): Promise<void> {
  try {
    await promise;
  } catch (error) {
    assert.match((error as Error).message, reason);
    return;
  }
  assert.unreachable(`expected a rejection with ${reason}`);
}

test.run();
