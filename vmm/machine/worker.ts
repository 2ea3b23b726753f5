/**
 * Builds a machine behind a port and answers what is asked there, one request at a time and in order. What goes wrong
 * while building is reported as `not-ready`; the ports are closed then.
 */
import { Boot } from '../firmware/boot.js';
import { Throttle } from '../throttle.js';
import { Backends } from './backends.js';
import { type DeviceEvent, subjectOf } from './device-event.js';
import { MachineWorker } from './machine-worker.js';
import type { MachinePort } from './ports.js';
import type { NumberedRequest, WorkerMessage, WorkerSettings } from './protocol.js';
import { inWords } from './protocol.js';
import { print, printError } from './worker-report.js';

/** A guest must not keep the main thread busy with what its devices have to tell. */
const NEWS_INTERVAL_MS = 20;

async function build(
  settings: WorkerSettings,
  core: WebAssembly.Module,
  send: (message: WorkerMessage) => void,
): Promise<MachineWorker> {
  const boot = new Boot(settings.options);
  const news = new Throttle<DeviceEvent>(NEWS_INTERVAL_MS, (event) => send({ kind: 'device-event', event }));
  let worker: MachineWorker | null = null;
  const backends = new Backends(settings, {
    blockFailed: (report) => worker?.blockFailed(report),
    network: (event) => send({ kind: 'network', event }),
    device: (event) => news.put(subjectOf(event), event),
    report: printError,
  });
  try {
    await backends.open();
    worker = new MachineWorker(settings, core, boot, backends, send);
    return worker;
  } catch (error) {
    await backends.close();
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
