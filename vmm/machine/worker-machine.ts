/**
 * The asking end of a machine worker: numbers requests, settles each with its reply, and when the
 * worker dies or its machine fails, rejects all of them and reports it once.
 */
import type { ResizeRequest } from '../block/block-layer.js';
import type { DisksDescription } from '../block/describe.js';
import type { CarriedDescriptor, CarryGroup, CarryOutcome } from '../carried.js';
import { STOP_REQUEST_OFFSET } from '../cpu/memory-map.js';
import type { CpuState } from '../cpu/state.js';
import type { NetworkReport, NetworkRequest } from '../net/report.js';
import type { Becoming, Change } from './change.js';
import type { DeviceQuestion } from './device-question.js';
import type { MachineEvents, MachineHandle, SavedMachine } from './handle.js';
import type { MachinePeer } from './ports.js';
import type { Answer, NumberedRequest, Request, Result, WorkerMessage } from './protocol.js';
import { fromWords } from './protocol.js';

/** Chardevs get a second each to flush; a worker that takes longer is ended by force. */
const CLOSE_DEADLINE_MS = 5000;

interface Waiting {
  resolve(result: Result): void;
  reject(error: Error): void;
}

export class WorkerMachine implements MachineHandle {
  readonly ready: Promise<void>;
  terminals: Readonly<Record<string, string>> = {};
  readonly #worker: MachinePeer;
  readonly #events: MachineEvents;
  readonly #stopWord: Int32Array;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #lastId = 0;
  #isReady = false;
  #isClosed = false;
  #failure: Error | null = null;

  constructor(worker: MachinePeer, memory: WebAssembly.Memory, events: MachineEvents) {
    this.#worker = worker;
    this.#events = events;
    this.#stopWord = new Int32Array(memory.buffer, STOP_REQUEST_OFFSET, 1);
    this.#exited = new Promise((resolve) => worker.on('exit', () => resolve()));
    this.ready = new Promise((resolve, reject) => {
      this.#waiting.set(0, { resolve: () => resolve(), reject });
    });
    worker.on('message', (message: WorkerMessage) => this.#hear(message));
    worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', (code) => {
      if (!this.#isClosed)
        this.#fail(new Error(`the machine's thread ended unexpectedly (exit code ${code})`));
    });
  }

  async start(): Promise<void> {
    await this.#ask({ command: 'start' });
  }

  async stop(): Promise<void> {
    const stopped = this.#ask({ command: 'stop' });
    // Behind the message: the slice that this ends is followed by the event loop, which finds it.
    Atomics.store(this.#stopWord, 0, 1);
    await stopped;
  }

  async reset(): Promise<void> {
    await this.#ask({ command: 'reset' });
  }

  async powerdown(): Promise<void> {
    await this.#ask({ command: 'powerdown' });
  }

  save(handOver: boolean): Promise<SavedMachine> {
    return this.#askForState({ command: 'save', handOver });
  }

  rehearse(): Promise<SavedMachine> {
    return this.#askForState({ command: 'rehearse' });
  }

  async openBackends(): Promise<void> {
    await this.#ask({ command: 'open-backends' });
  }

  async load(
    sections: Uint8Array,
    activate: boolean,
    received: readonly CarriedDescriptor[] = [],
  ): Promise<void> {
    await this.#ask({ command: 'load', sections, activate, received });
  }

  async leave(): Promise<void> {
    await this.#ask({ command: 'leave' });
  }

  async disks(): Promise<DisksDescription> {
    return (await this.#askForResult({ command: 'disks' })) as DisksDescription;
  }

  async resizeDisk(resize: ResizeRequest): Promise<void> {
    await this.#ask({ command: 'resize-disk', resize });
  }

  async activate(): Promise<void> {
    await this.#ask({ command: 'activate' });
  }

  async inactivate(ours: boolean): Promise<void> {
    await this.#ask({ command: 'inactivate', ours });
  }

  async carry(group: CarryGroup): Promise<readonly CarriedDescriptor[]> {
    return (await this.#askForResult({ command: 'carry', group })) as readonly CarriedDescriptor[];
  }

  async carried(outcome: CarryOutcome): Promise<void> {
    await this.#ask({ command: 'carried', outcome });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return this.#exited;
    this.#isClosed = true;
    const timer = setTimeout(() => this.#worker.terminate(), CLOSE_DEADLINE_MS);
    this.#post({ command: 'close' });
    await this.#exited;
    clearTimeout(timer);
    this.#rejectAll(new Error('the machine was closed'));
  }

  async ask(slot: number, question: DeviceQuestion): Promise<unknown> {
    return ((await this.#askForResult({ command: 'ask', slot, question })) as Answer).answer;
  }

  async network(network: NetworkRequest): Promise<NetworkReport> {
    return (await this.#askForResult({ command: 'network', network })) as NetworkReport;
  }

  async change(change: Change, becoming: Becoming): Promise<void> {
    const { answer } = (await this.#askForResult({ command: 'change', change, becoming })) as Answer;
    this.terminals = answer as MachineHandle['terminals'];
  }

  async registers(): Promise<CpuState> {
    return (await this.#askForResult({ command: 'registers' })) as CpuState;
  }

  async #askForState(request: Request): Promise<SavedMachine> {
    return (await this.#askForResult(request)) as SavedMachine;
  }

  async #askForResult(request: Request): Promise<NonNullable<Result>> {
    const result = await this.#ask(request);
    if (result === null) throw new Error(`the machine answered '${request.command}' with nothing`);
    return result;
  }

  #ask(request: Request): Promise<Result> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#isClosed) return Promise.reject(new Error('the machine is closed'));
    return new Promise((resolve, reject) => {
      this.#waiting.set(this.#lastId + 1, { resolve, reject });
      this.#post(request);
    });
  }

  #post(request: Request): void {
    const message: NumberedRequest = { id: ++this.#lastId, request };
    this.#worker.postMessage(message);
  }

  #hear(message: WorkerMessage): void {
    switch (message.kind) {
      case 'ready':
        this.#isReady = true;
        this.terminals = message.terminals;
        this.#settle(0)?.resolve(null);
        break;
      case 'not-ready':
        this.#isClosed = true;
        this.#settle(0)?.reject(fromWords(message.error));
        break;
      case 'reply':
        this.#settle(message.id)?.resolve(message.result);
        break;
      case 'refusal':
        this.#settle(message.id)?.reject(fromWords(message.error));
        break;
      case 'shutdown':
        this.#events.shutdown(message.cause, message.exitCode);
        break;
      case 'reset':
        this.#events.reset(message.cause);
        break;
      case 'block-io-error':
        this.#events.blockIoError(message.report, message.isStopped);
        break;
      case 'network':
        this.#events.network(message.event);
        break;
      case 'failed':
        this.#fail(fromWords(message.error));
        break;
      case 'device-event':
        this.#events.deviceEvent(message.event);
        break;
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#rejectAll(error);
    if (this.#isReady && !this.#isClosed) this.#events.failed(error);
  }

  #rejectAll(error: Error): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(error);
  }
}
