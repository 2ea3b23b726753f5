/**
 * One incoming stream, from its first byte to the VM that runs: collects it, has it loaded, tells the source,
 * and only then lets the VM start. Whatever goes wrong leaves the machine as it was and is reported once.
 */
import type { Duplex } from 'node:stream';
import type { EventHub } from '../qmp/events.js';
import type { VmControl } from '../vm-control.js';
import { checkStart, decodeStream, isComplete } from './decode-stream.js';
import type { MigrationProgress } from './progress.js';
import { encodeFailure, LOADED, PONG } from './return-path.js';
import { systemReason } from './socket-error.js';
import type { StreamSubject } from './stream-format.js';

/** Many times the state of any machine; a source that sends more is refused. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024;
/** Up to here each chunk is looked at for the end of the stream; beyond, the source's end is waited for. */
const QUICK_END_BYTES = 1024 * 1024;
/** How long a failing target tries to tell its source why. */
const FAREWELL_DEADLINE_MS = 1000;

export interface StreamContext {
  readonly vm: VmControl;
  readonly events: EventHub;
  readonly progress: MigrationProgress;
  readonly subject: StreamSubject;
  /** Asked only when the source has closed the connection: a source that lives has taken the VM back. */
  isSourceAlive(): boolean;
  failed(error: Error): void;
}

/** Resolves when the stream was loaded and the VM runs or waits, or when it has failed. */
export function receiveStream(socket: Duplex, context: StreamContext): Promise<void> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const finish = (bytes: Buffer, complaint: Error | null) => {
      socket.removeAllListeners('data').removeAllListeners('end').resume();
      finishStream(socket, context, bytes, complaint).then(resolve, reject);
    };
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      const complaint = sizeBytes > MAX_STREAM_BYTES ? tooLong() : startError(chunks);
      if (complaint !== null) finish(chunk, complaint);
      else if (sizeBytes <= QUICK_END_BYTES && isComplete(joined(chunks))) finish(joined(chunks), null);
      else if (context.progress.status === 'setup') context.progress.set('active');
    });
    socket.once('end', () => finish(joined(chunks), null));
  });
}

async function finishStream(
  socket: Duplex,
  context: StreamContext,
  bytes: Buffer,
  complaint: Error | null,
): Promise<void> {
  const { vm, progress, events, subject } = context;
  const release = events.hold();
  if (progress.status === 'setup') progress.set('active');
  let answers = false;
  try {
    if (complaint !== null) throw complaint;
    const { stateBefore, sections } = decodeStream(bytes, subject, () => {
      answers = true;
    });
    const confirm = async () => {
      if (answers) await confirmTo(socket, context);
    };
    const { started } = await vm.load(sections, stateBefore, confirm);
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

/** Usually the stream comes in one piece, which needs no copy. */
function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

function tooLong(): Error {
  return new Error(`the stream has more than ${MAX_STREAM_BYTES} bytes`);
}

/** Looks at the first bytes only, so that a stranger who keeps the connection open is noticed. */
function startError(chunks: readonly Buffer[]): Error | null {
  const [first] = chunks;
  if (first === undefined || (chunks.length > 1 && first.length >= 8)) return null;
  try {
    checkStart(first.length >= 8 ? first : joined(chunks));
    return null;
  } catch (error) {
    return error as Error;
  }
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
