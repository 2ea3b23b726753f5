/**
 * Starts the machine, in this thread or one of its own, and gives its handle. Resolves when the machine
 * is built and stopped: kernel, initrd and device tree are in RAM (unless `incoming`, where RAM is not
 * touched) and its serial chardevs are open. Rejects when anything of it fails; nothing stays behind then.
 */
import type { Worker } from 'node:worker_threads';
import type { CarriedDescriptor } from '../carried.js';
import { loadCore, loadCoreMeanwhile } from '../cpu/core.js';
import type { GuestMemory } from '../memory/guest-memory.js';
import type { VmmOptions } from '../options/options.js';
import type { MachineEvents, MachineHandle } from './handle.js';
import { type MachinePeer, withinThread } from './ports.js';
import type { WorkerSettings, WorkerStart } from './protocol.js';
import { serveMachine } from './worker.js';
import { WorkerMachine } from './worker-machine.js';

export interface CreateSettings {
  /** The state will come from a stream: nothing is written to RAM. */
  readonly incoming: boolean;
  /** Descriptors that came with the guest, less that of its RAM. */
  readonly received: readonly CarriedDescriptor[];
}

/**
 * Gets what does not depend on the VM ready, meanwhile. `isAwaited`: a guest stands until its machine runs, so what
 * can be done later is.
 */
export function startMachine(thread: VmmOptions['machine']['thread'], isAwaited = false): MachinePeer {
  if (thread === 'multi') return startThread({ isAwaited });
  const core = isAwaited ? loadCore('soon') : loadCoreMeanwhile();
  return withinThread((port, settings) => serveMachine(port, settings, core));
}

function startThread(workerData: WorkerStart): Worker {
  const { Worker } = process.getBuiltinModule('node:worker_threads'); // 2 ms that one thread does without
  // Descriptors that go with the guest must outlive whoever opened them.
  const options = { workerData, trackUnmanagedFds: false };
  return new Worker(new URL('../worker.cjs', import.meta.url), options);
}

export async function createMachine(
  options: VmmOptions,
  memory: GuestMemory,
  { incoming, received }: CreateSettings,
  events: MachineEvents,
  peer: MachinePeer = startMachine(options.machine.thread),
): Promise<MachineHandle> {
  const machine = new WorkerMachine(peer, memory.memory, events);
  const { memory: shared, sizeBytes, fd } = memory;
  const ramFd = memory.share ? fd : null;
  const settings: WorkerSettings = { options, memory: shared, sizeBytes, ramFd, incoming, received };
  peer.postMessage(settings);
  await machine.ready;
  return machine;
}
