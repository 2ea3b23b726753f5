/** The machine's side of its port: runs the machine, and does what is asked of it and of what it has open. */
import type { BlockIoReport } from '../block/block-layer.js';
import { describeDisks } from '../block/describe.js';
import { HOST_CLOCK } from '../bus/host-clock.js';
import { CarriedDescriptors } from '../carried.js';
import type { Boot } from '../firmware/boot.js';
import { ramOf } from '../memory/guest-memory.js';
import type { NetworkEvent } from '../net/report.js';
import type { Backends } from './backends.js';
import type { Becoming, Change } from './change.js';
import type { DeviceQuestion } from './device-question.js';
import { GuestErrorLog } from './guest-errors.js';
import type { SavedMachine } from './handle.js';
import { Machine } from './machine.js';
import { Network } from './network.js';
import type { Answer, LoadRequest, Request, Result, WorkerMessage, WorkerSettings } from './protocol.js';
import { inWords } from './protocol.js';
import { RunLoop } from './run-loop.js';
import { SerialPort } from './serial-port.js';
import { printError } from './worker-report.js';

export class MachineWorker {
  readonly #send: (message: WorkerMessage) => void;
  readonly #boot: Boot;
  readonly #backends: Backends;
  readonly #network: Network;
  readonly #machine: Machine;
  readonly #loop: RunLoop;
  /** An incoming machine before its state has come: there is nothing yet that a rehearsal could disturb. */
  #awaitsState: boolean;

  constructor(
    settings: WorkerSettings,
    core: WebAssembly.Module,
    boot: Boot,
    backends: Backends,
    send: (message: WorkerMessage) => void,
  ) {
    this.#send = send;
    this.#awaitsState = settings.incoming;
    this.#boot = boot;
    this.#backends = backends;
    const tell = (event: NetworkEvent) => send({ kind: 'network', event });
    this.#network = new Network(backends.netdevs, () => backends.devices, tell);
    const serial = new SerialPort(backends.chardev(settings.options.serials[0] ?? null), () =>
      this.#loop.wake(),
    );
    this.#machine = new Machine(
      {
        module: core,
        memory: settings.memory,
        ram: ramOf(settings),
        hostClock: HOST_CLOCK,
        serial,
        boot,
        virtio: backends.devices,
        interrupted: () => this.#loop.wake(),
        parts: () => backends.parts,
        builtInSbi: settings.options.boot.bios.mode === 'sbi',
        events: {
          finish: (passed, exitCode) => this.#end(passed ? 'guest-shutdown' : 'guest-panic', exitCode),
          reset: () => this.#end('guest-reset', 0),
        },
        errors: new GuestErrorLog(printError),
      },
      settings.incoming,
    );
    this.#loop = new RunLoop(this.#machine, {
      flushOutput: () => serial.flush(),
      failed: (error) => send({ kind: 'failed', error: inWords(error) }),
    });
  }

  get terminals(): Record<string, string> {
    return this.#backends.terminals;
  }

  async handle(request: Request): Promise<Result> {
    switch (request.command) {
      case 'start':
        this.#backends.guestRuns(true);
        this.#backends.blocks.forgetErrors();
        this.#loop.start();
        return null;
      case 'stop':
        await this.#stop();
        return null;
      case 'powerdown':
        return null; // the machine has no power button
      case 'reset':
        this.#requireStopped('reset');
        this.#machine.reset();
        return null;
      case 'save':
        this.#requireStopped('save');
        return this.#machine.save(request.handOver);
      case 'load':
        this.#load(request);
        return null;
      case 'open-backends':
        this.#backends.netdevs.openAwaited();
        return null;
      case 'leave':
        this.#backends.netdevs.leave();
        return null;
      case 'activate':
        this.#backends.blocks.nodes.activate();
        return null;
      case 'inactivate':
        this.#requireStopped('inactivate');
        await this.#backends.blocks.nodes.inactivate(request.ours);
        return null;
      case 'rehearse':
        return this.#rehearse();
      case 'disks':
        return describeDisks(this.#backends.blocks);
      case 'resize-disk':
        this.#backends.blocks.resize(request.resize);
        return null;
      case 'network':
        return this.#network.ask(request.network);
      case 'registers':
        return this.#machine.registers();
      case 'carry':
        return this.#backends.carriers.carry(request.group);
      case 'carried':
        this.#backends.carriers.carried(request.outcome);
        return null;
      case 'change':
        await this.#change(request.change, request.becoming);
        return { answer: this.#backends.terminals };
      case 'ask':
        return this.#ask(request.slot, request.question);
      case 'close':
        this.#loop.end();
        await this.#backends.close();
        this.#boot.close();
        return null;
    }
  }

  /** An operation of a disk failed; before the guest hears of it, if it does. */
  blockFailed(report: BlockIoReport): void {
    const isStopped = report.action === 'stop' && this.#loop.running;
    if (isStopped) this.#loop.stop();
    this.#send({ kind: 'block-io-error', report, isStopped });
  }

  /** What the host works at is finished before the machine counts as stopped; a host that does not is an error. */
  async #stop(): Promise<void> {
    const wasRunning = this.#loop.running;
    this.#loop.stop();
    try {
      await this.#backends.drain();
    } catch (error) {
      if (wasRunning) this.#loop.start();
      throw error;
    }
    this.#backends.guestRuns(false);
  }

  async #change(change: Change, becoming: Becoming): Promise<void> {
    if ('remove' in change) {
      if (change.remove === 'device') await this.#unplug(change.slot);
      else await this.#backends.remove(change.remove, change.id);
      return;
    }
    const device = await this.#backends.add(change, becoming);
    if (device === null) return;
    this.#machine.plug(device);
    this.#network.watch(device);
  }

  /** What the host works at for the device is finished first; a host that does not keeps the device. */
  async #unplug(slot: number): Promise<void> {
    const device = this.#backends.deviceIn(slot);
    this.#machine.hold(slot, true);
    try {
      await device.drain();
    } catch (error) {
      this.#machine.hold(slot, false);
      throw error;
    }
    this.#machine.unplug(slot);
    this.#network.forget(device);
    await this.#backends.removeDevice(device);
  }

  #load({ sections, activate, received }: LoadRequest): void {
    const arrived = new CarriedDescriptors(received);
    try {
      this.#requireStopped('load');
      this.#arrive(arrived);
      this.#machine.load(sections);
      this.#awaitsState = false;
      this.#backends.guestHasCome();
      if (activate) this.#backends.blocks.nodes.activate();
    } catch (error) {
      this.#backends.netdevs.leave();
      arrived.closeRest();
      throw error;
    }
  }

  #arrive(received: CarriedDescriptors): void {
    try {
      this.#backends.netdevs.arrive(received);
      const unknown = received.left.map(({ name }) => `'${name}'`).join(', ');
      if (unknown !== '') throw new Error(`nothing here waits for ${unknown}, which the source handed over`);
    } catch (cause) {
      throw new Error(`section 'local-descriptors': ${(cause as Error).message}`, { cause });
    }
  }

  #ask(slot: number, question: DeviceQuestion): Answer {
    const device = this.#backends.devices.find((candidate) => candidate.slot === slot);
    if (device?.answer === undefined) throw new Error(`there is nothing to ask in virtio-mmio slot ${slot}`);
    return { answer: device.answer(question) };
  }

  #rehearse(): SavedMachine {
    const saved = this.#machine.sample();
    if (this.#awaitsState) this.#machine.load(saved.sections);
    return saved;
  }

  #requireStopped(what: string): void {
    if (this.#loop.running) throw new Error(`cannot ${what} a running machine: stop it first`);
  }

  /** From inside the guest's slice: the guest stands before anybody hears of it. */
  #end(cause: 'guest-shutdown' | 'guest-panic' | 'guest-reset', exitCode: number): void {
    if (!this.#loop.running) return;
    this.#loop.stop();
    if (cause === 'guest-reset') this.#send({ kind: 'reset', cause });
    else this.#send({ kind: 'shutdown', cause, exitCode });
  }
}
