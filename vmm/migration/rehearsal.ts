/**
 * Makes the code of a hand-over warm while the guest still runs on the source: everything between STOP and
 * RESUME is done some times with samples, on a stage: a VM without a guest and a connection to nowhere.
 * Cold, the same steps take the guest several times as long.
 */

import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { CPU_RESET } from '../cpu/state.js';
import type { MachineHandle, SavedMachine } from '../machine/handle.js';
import { EventHub } from '../qmp/events.js';
import { WallClock } from '../qmp/wall-clock.js';
import { VmControl } from '../vm-control.js';
import { encodeHead, encodeTail } from './encode-stream.js';
import { receiveStream } from './incoming-stream.js';
import { MigrationProgress } from './progress.js';
import { sendState } from './send-state.js';
import type { StreamSubject } from './stream-format.js';

/** More makes no difference that can be measured. */
const REHEARSALS = 12;
const nothing = () => {};

type RealVm = Pick<VmControl, 'rehearse'>;

/** The source's half. Ends early when `isEnough` says so. Never rejects. */
export async function rehearseSave(
  vm: RealVm,
  subject: StreamSubject,
  isEnough: () => boolean,
): Promise<void> {
  await repeat(isEnough, async () => {
    const stage = await setStage(await vm.rehearse(), false);
    stage.progress.begin();
    const { signal } = new AbortController();
    await sendState(
      { stream: nowhere(), sendFirst: null },
      stage,
      subject,
      encodeHead(subject, true),
      signal,
    );
  });
}

/** The target's half. Never rejects. */
export async function rehearseLoad(vm: RealVm, subject: StreamSubject): Promise<void> {
  await repeat(
    () => false,
    async () => {
      const sample = await vm.rehearse();
      const stage = await setStage(sample, true);
      stage.progress.begin();
      const connection = nowhere();
      const context = { ...stage, subject, contents: null, isSourceAlive: () => true, failed: nothing };
      const received = receiveStream(connection, context);
      connection.push(Buffer.concat([encodeHead(subject, true), encodeTail(subject, 'running', sample)]));
      connection.push(null);
      await received;
    },
  );
}

async function repeat(isEnough: () => boolean, act: () => Promise<void>): Promise<void> {
  try {
    for (let count = 0; count < REHEARSALS && !isEnough(); count++) {
      await act();
      await turn(); // the guest runs meanwhile
    }
  } catch {
    // The hand-over itself will meet what is wrong, and say it.
  }
}

const NO_DISKS = { nodes: [], disks: [] };

/** A VM whose machine always gives `sample` and takes anything. Nobody hears its events. */
async function setStage(sample: SavedMachine, incoming: boolean) {
  const events = new EventHub(new WallClock());
  const policy = { startStopped: false, noReboot: false, noShutdown: false, incoming };
  const vm = new VmControl({ events, policy, ended: nothing, report: nothing });
  const act = async () => {};
  const give = async () => sample;
  const machine: MachineHandle = {
    ...{ start: act, stop: act, reset: act, powerdown: act, load: act, close: act },
    ...{ openBackends: act, leave: act },
    ...{ save: give, rehearse: give, registers: async () => CPU_RESET, disks: async () => NO_DISKS },
    ...{ carry: async () => [], carried: act, activate: act, inactivate: act, resizeDisk: act },
    ...{
      ask: async () => null,
      change: act,
      terminals: {},
      network: async () => ({ nics: [], netdevs: [] }),
    },
  };
  await vm.attach(machine);
  return { vm, events, progress: new MigrationProgress(events, () => true) };
}

/** Takes what is written; gives what is pushed. */
function nowhere(): Duplex {
  return new Duplex({
    allowHalfOpen: true,
    read: nothing,
    write: (_chunk, _encoding, taken) => taken(),
  });
}
