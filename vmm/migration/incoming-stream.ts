/**
 * One incoming stream, from its first byte to the VM that runs: decodes it, has it loaded, tells the source,
 * and only then lets the VM start. Whatever goes wrong leaves the devices as they were and is reported once.
 */
import type { Duplex } from 'node:stream';
import type { EventHub } from '../qmp/events.js';
import { trace } from '../trace.js';
import type { VmControl } from '../vm-control.js';
import { StreamDecoder } from './decode-stream.js';
import type { MigrationProgress } from './progress.js';
import { encodeFailure, LOADED, PONG } from './return-path.js';
import type { StreamSubject } from './stream-format.js';
import { systemReason } from './system-reason.js';

/** How long a failing target tries to tell its source why. */
const FAREWELL_DEADLINE_MS = 1000;

export interface StreamContext {
  readonly vm: VmControl;
  readonly events: EventHub;
  readonly progress: MigrationProgress;
  readonly subject: StreamSubject;
  /** Where RAM goes that is in the stream; null when it has come another way. */
  readonly contents: Uint8Array | null;
  /** Asked only when the source has closed the connection: a source that lives has taken the VM back. */
  isSourceAlive(): boolean;
  /** Absent: none can come. */
  readonly beside?: DescriptorSource;
  failed(error: Error): void;
}

/** What descriptors come beside its bytes; they are its own until they are taken. */
export interface DescriptorSource {
  readonly descriptors: readonly number[];
  giveAway(): void;
}

const NO_DESCRIPTORS: DescriptorSource = { descriptors: [], giveAway: () => {} };

/** Resolves when the stream was loaded and the VM runs or waits, or when it has failed. */
export function receiveStream(socket: Duplex, context: StreamContext): Promise<void> {
  return new Promise((resolve, reject) => {
    const decoder = new StreamDecoder(context.subject, context.contents);
    const finish = (complaint: Error | null) => {
      socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close').resume();
      finishStream(socket, context, decoder, complaint).then(resolve, reject);
    };
    let broke: Error | null = null;
    socket.on('error', (error) => {
      broke = new Error(`the connection to the source broke: ${systemReason(error)}`, { cause: error });
      socket.destroy();
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        decoder.push(chunk);
      } catch (error) {
        finish(error as Error);
        return;
      }
      if (decoder.isComplete()) finish(null);
      else if (context.progress.status === 'setup') context.progress.set('active');
    });
    socket.once('end', () => finish(null));
    socket.once('close', () => finish(broke));
  });
}

async function finishStream(
  socket: Duplex,
  context: StreamContext,
  decoder: StreamDecoder,
  complaint: Error | null,
): Promise<void> {
  const { vm, progress, events, beside = NO_DESCRIPTORS } = context;
  const release = events.hold();
  if (progress.status === 'setup') progress.set('active');
  const answers = decoder.wantsReturnPath;
  try {
    if (complaint !== null) throw complaint;
    const { stateBefore, sections, received } = decoder.finish(beside.descriptors);
    trace('stream');
    const confirm = async () => {
      if (answers) await confirmTo(socket, context);
    };
    beside.giveAway();
    const { started } = await vm.handOvers.load(sections, stateBefore, confirm, received);
    trace('started');
    progress.set('completed');
    release();
    socket.end();
    await started;
  } catch (error) {
    progress.because((error as Error).message);
    progress.set('failed');
    release();
    if (answers) await farewell(socket, encodeFailure((error as Error).message));
    socket.destroy();
    context.failed(error as Error);
  }
}

/** Tells the source that everything is loaded; rejects when the source has taken the VM back. */
async function confirmTo(socket: Duplex, { isSourceAlive }: StreamContext): Promise<void> {
  const failure = await write(socket, Buffer.concat([PONG, LOADED]));
  if (failure === null || !isSourceAlive()) return;
  throw new Error(`the source has ended the migration: ${systemReason(failure)}`);
}

/** Resolves with what went wrong, or `null`. A write that the kernel takes at once needs no turn of the loop. */
function write(socket: Duplex, data: Uint8Array): Promise<Error | null> {
  return new Promise((resolve) => {
    socket.write(data, (error) => resolve(error ?? null));
  });
}

function farewell(socket: Duplex, data: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, FAREWELL_DEADLINE_MS);
    socket.once('close', resolve);
    socket.end(data, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
