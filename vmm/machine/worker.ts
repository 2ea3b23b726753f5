/**
 * The machine's side of its ports: builds the machine, runs it, and answers what is asked, one request at a time
 * and in order. What goes wrong while building is reported as `not-ready`; the ports are closed then.
 */
import { writeSync } from 'node:fs';
import { type BlockIoReport, BlockLayer } from '../block/block-layer.js';
import { describeDisks } from '../block/describe.js';
import { BlockNodes } from '../block/nodes.js';
import { HOST_CLOCK } from '../bus/host-clock.js';
import { CarriedDescriptors } from '../carried.js';
import type { Chardev } from '../chardev/chardev.js';
import { openChardev } from '../chardev/open.js';
import { STOP_REQUEST_OFFSET } from '../cpu/memory-map.js';
import { borrowFdSets } from '../descriptors/open-path.js';
import { Boot } from '../firmware/boot.js';
import { ramOf } from '../memory/guest-memory.js';
import { MacAddresses } from '../net/mac-addresses.js';
import { Netdevs } from '../net/netdevs.js';
import type { NetworkEvent } from '../net/report.js';
import { textOf } from '../options/device-type.js';
import type { VmmOptions } from '../options/options.js';
import { Throttle } from '../throttle.js';
import { Carriers } from './carriers.js';
import { type DeviceEvent, subjectOf } from './device-event.js';
import type { DeviceQuestion } from './device-question.js';
import { closeDevices, drainDevices, type OpenDevice, openDevices } from './devices.js';
import { GuestErrorLog } from './guest-errors.js';
import type { SavedMachine } from './handle.js';
import { Machine } from './machine.js';
import { Network } from './network.js';
import type { MachinePort } from './ports.js';
import type { Answer, NumberedRequest, Request, Result, WorkerMessage, WorkerSettings } from './protocol.js';
import { inWords } from './protocol.js';
import { RunLoop } from './run-loop.js';
import { SerialPort } from './serial-port.js';

/**
 * Console output kept while nobody is connected, for whoever comes next: a daemon that attaches to a VM
 * which was just handed over shall see what the guest said meanwhile.
 */
const CONSOLE_BACKLOG_BYTES = 64 * 1024;
/** A guest must not keep the main thread busy with what its devices have to tell. */
const NEWS_INTERVAL_MS = 20;
const STDERR = 2;

class MachineWorker {
  readonly #send: (message: WorkerMessage) => void;
  readonly #boot: Boot;
  readonly #chardevs: readonly Chardev[];
  readonly #devices: readonly OpenDevice[];
  readonly #blocks: BlockLayer;
  readonly #netdevs: Netdevs;
  readonly #network: Network;
  readonly #carriers: Carriers;
  readonly #machine: Machine;
  readonly #loop: RunLoop;
  /** An incoming machine before its state has come: there is nothing yet that a rehearsal could disturb. */
  #awaitsState: boolean;

  constructor(
    settings: WorkerSettings,
    core: WebAssembly.Module,
    boot: Boot,
    { chardevs, netdevs, devices, blocks }: OpenBackends,
    send: (message: WorkerMessage) => void,
  ) {
    this.#send = send;
    this.#awaitsState = settings.incoming;
    this.#boot = boot;
    this.#chardevs = chardevs;
    this.#devices = devices;
    this.#blocks = blocks;
    this.#netdevs = netdevs;
    const tell = (event: NetworkEvent) => send({ kind: 'network', event });
    this.#network = new Network(netdevs, () => this.#devices, tell);
    this.#carriers = new Carriers([
      ...chardevs,
      blocks.nodes,
      netdevs,
      ...devices.flatMap(({ carrier }) => carrier ?? []),
    ]);
    const console = chardevs.find(({ id }) => id === settings.options.serials[0]) ?? null;
    const serial = new SerialPort(console, () => this.#loop.wake());
    this.#machine = new Machine(
      {
        module: core,
        memory: settings.memory,
        ram: ramOf(settings),
        hostClock: HOST_CLOCK,
        serial,
        boot,
        virtio: devices,
        interrupted: () => this.#loop.wake(),
        parts: () => [...chardevs.flatMap(({ part }) => part ?? []), ...netdevs.parts],
        builtInSbi: settings.options.boot.bios.mode === 'sbi',
        events: {
          finish: (passed, exitCode) => this.#end(passed ? 'guest-shutdown' : 'guest-panic', exitCode),
          reset: () => this.#end('guest-reset', 0),
        },
        errors: new GuestErrorLog(printError),
      },
      settings.incoming,
    );
    const stopWord = new Int32Array(settings.memory.buffer, STOP_REQUEST_OFFSET, 1);
    this.#loop = new RunLoop(this.#machine, stopWord, {
      flushOutput: () => serial.flush(),
      failed: (error) => send({ kind: 'failed', error: inWords(error) }),
    });
  }

  get terminals(): Record<string, string> {
    return Object.fromEntries(
      this.#chardevs.flatMap(({ id, terminal }) => (terminal ? [[id, terminal]] : [])),
    );
  }

  async handle(request: Request): Promise<Result> {
    switch (request.command) {
      case 'start':
        this.#carriers.guestRuns(true);
        this.#blocks.forgetErrors();
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
        this.#requireStopped('load');
        this.#machine.load(request.sections);
        this.#awaitsState = false;
        if (request.activate) this.#blocks.nodes.activate();
        return null;
      case 'activate':
        this.#blocks.nodes.activate();
        return null;
      case 'inactivate':
        this.#requireStopped('inactivate');
        await this.#blocks.nodes.inactivate(request.ours);
        return null;
      case 'rehearse':
        return this.#rehearse();
      case 'disks':
        return describeDisks(this.#blocks);
      case 'resize-disk':
        this.#blocks.resize(request.resize);
        return null;
      case 'network':
        return this.#network.ask(request.network);
      case 'registers':
        return this.#machine.registers();
      case 'carry':
        return this.#carriers.carry();
      case 'carried':
        this.#carriers.carried(request.outcome);
        return null;
      case 'ask':
        return this.#ask(request.slot, request.question);
      case 'close':
        this.#loop.stop();
        await closeBackends({
          chardevs: this.#chardevs,
          netdevs: this.#netdevs,
          devices: this.#devices,
          blocks: this.#blocks,
        });
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
      await drainDevices(this.#devices);
    } catch (error) {
      if (wasRunning) this.#loop.start();
      throw error;
    }
    this.#carriers.guestRuns(false);
  }

  #ask(slot: number, question: DeviceQuestion): Answer {
    const device = this.#devices.find((candidate) => candidate.slot === slot);
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

function printError(line: string): void {
  print(`baton-vmm: ${line}`);
}

function print(line: string): void {
  try {
    writeSync(STDERR, `${line}\n`);
  } catch {
    // stderr is gone or full; the guest's mistakes are not worth more.
  }
}

/** Opens the chardevs that no monitor has; those are the main thread's. */
async function openChardevs(
  { chardevs, monitors, devices }: VmmOptions,
  awaitsGuest: boolean,
  received: CarriedDescriptors,
): Promise<Chardev[]> {
  const opened: Chardev[] = [];
  try {
    for (const options of chardevs) {
      if (monitors.some(({ chardev }) => chardev === options.id)) continue;
      const user = devices.find(({ values }) => textOf(values, 'chardev') === options.id);
      if (user?.driver === 'vhost-user-blk') continue; // speaks with the socket itself
      // Who comes to a program's port later shall not hear what was said to somebody else.
      const backlogBytes = user?.driver === 'virtserialport' ? 0 : CONSOLE_BACKLOG_BYTES;
      opened.push(await openChardev(options, { backlogBytes, awaitsGuest, received }));
    }
    return opened;
  } catch (error) {
    await Promise.all(opened.map((chardev) => chardev.close()));
    throw error;
  }
}

/** What lives on through resets and restores, and is closed with the machine. */
interface OpenBackends {
  readonly chardevs: readonly Chardev[];
  readonly netdevs: Netdevs;
  readonly devices: readonly OpenDevice[];
  readonly blocks: BlockLayer;
}

async function closeBackends({ chardevs, netdevs, devices, blocks }: OpenBackends): Promise<void> {
  await closeDevices(devices);
  netdevs.closeAll();
  blocks.closeAll();
  await Promise.all(chardevs.map((chardev) => chardev.close()));
}

async function build(
  settings: WorkerSettings,
  core: WebAssembly.Module,
  send: (message: WorkerMessage) => void,
): Promise<MachineWorker> {
  const received = new CarriedDescriptors(settings.received);
  const news = new Throttle<DeviceEvent>(NEWS_INTERVAL_MS, (event) => send({ kind: 'device-event', event }));
  const boot = new Boot(settings.options);
  let worker: MachineWorker | null = null;
  const blocks = new BlockLayer(new BlockNodes(received, settings.incoming), (report) => {
    worker?.blockFailed(report);
  });
  const netdevs = new Netdevs(received, {
    connected: (netdev) => send({ kind: 'network', event: { event: 'connected', netdev } }),
    disconnected: (netdev) => send({ kind: 'network', event: { event: 'disconnected', netdev } }),
  });
  const macs = new MacAddresses();
  let backends: OpenBackends = { chardevs: [], netdevs, devices: [], blocks };
  try {
    const forgetFdSets = borrowFdSets(settings.options.addFds);
    backends = { ...backends, chardevs: await openChardevs(settings.options, settings.incoming, received) };
    blocks.open(settings.options);
    for (const options of settings.options.netdevs) netdevs.open(options);
    const context = {
      options: settings.options,
      received,
      chardevs: backends.chardevs,
      blocks,
      netdevs,
      macs,
      ramFd: settings.ramFd,
      announce: (event: DeviceEvent) => news.put(subjectOf(event), event),
      report: printError,
    };
    backends = { ...backends, devices: await openDevices(context) };
    // A monitor may close them from now on.
    forgetFdSets();
    const unknown = received.closeRest();
    if (unknown.length > 0) {
      printError(
        `nothing here is called ${unknown.join(', ')}: what the source handed over as that is closed`,
      );
    }
    worker = new MachineWorker(settings, core, boot, backends, send);
    return worker;
  } catch (error) {
    await closeBackends(backends);
    boot.close();
    throw error;
  }
}

/** Builds the machine and answers until it is told to `close`. */
export async function serveMachine(
  port: MachinePort,
  settings: WorkerSettings,
  core: WebAssembly.Module | Promise<WebAssembly.Module>,
): Promise<void> {
  const send = (message: WorkerMessage) => port.postMessage(message);
  let worker: MachineWorker;
  try {
    worker = await build(settings, await core, send);
  } catch (error) {
    send({ kind: 'not-ready', error: inWords(error) });
    port.close();
    return;
  }
  let last: Promise<void> = Promise.resolve();
  const answer = async ({ id, request }: NumberedRequest) => {
    try {
      send({ kind: 'reply', id, result: await worker.handle(request) });
    } catch (error) {
      send({ kind: 'refusal', id, error: inWords(error) });
    }
    if (request.command === 'close') port.close();
  };
  port.on('message', (request: NumberedRequest) => {
    last = last.then(() => answer(request));
  });
  for (const [id, path] of Object.entries(worker.terminals)) {
    print(`char device redirected to ${path} (label ${id})`); // QEMU's words: programs look for them
  }
  send({ kind: 'ready', terminals: worker.terminals });
}
