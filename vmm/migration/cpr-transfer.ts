/**
 * Mode `cpr-transfer`, seen from the source: the VM goes to another process on this host, which gets the
 * descriptors of its memory first and its device state when it has made everything else ready.
 *
 *     begin    connect to cpr, send descriptors         the guest runs
 *     finish   wait for the target to hang up           the guest runs; as long as it takes
 *              connect to main                          the guest runs
 *              stop the VM, send its state              the pause begins
 *              with return-path: wait for the verdict   the target runs it, or holds it stopped
 *
 * Nothing has a deadline here, as in QEMU: whoever ordered the migration watches it and has
 * `migrate_cancel`. Every failure and the cancel reject, and leave no connection open.
 */
import { createConnection, type Socket } from 'node:net';
import { QmpError } from '../qmp/error.js';
import type { Channels } from './channels.js';
import { sendCprState } from './cpr-channel.js';
import { encodeHead } from './encode-stream.js';
import type { OutgoingMode, OutgoingRun } from './modes.js';
import type { OutgoingContext } from './outgoing.js';
import { rehearseSave } from './rehearsal.js';
import { ReturnPathReader } from './return-path.js';
import { sendState } from './send-state.js';
import { systemReason } from './socket-error.js';
import { MACHINE_TYPE, type StreamSubject } from './stream-format.js';

/** QEMU's name of the region with the reset vector, which no memory backend stands behind. */
const AUXILIARY_REGION = 'riscv_virt_board.mrom';

export const CPR_TRANSFER: OutgoingMode = {
  blockedReasons({ memory, auxRamShare }) {
    const reasons: string[] = [];
    if (!memory.share) {
      reasons.push(
        `memory region '${memory.backendId}' cannot be handed over: cpr-transfer needs a memory backend with share=on`,
      );
    }
    if (!auxRamShare) {
      reasons.push(
        `memory region '${AUXILIARY_REGION}' cannot be handed over: cpr-transfer needs -machine aux-ram-share=on`,
      );
    }
    return reasons;
  },

  async begin(context, channels, signal) {
    const { main, cpr } = requireChannels(channels);
    const { fd, backendId } = context.memory;
    if (fd === null) throw new QmpError(`memory region '${backendId}' has no descriptor`);
    context.progress.begin();
    const connection = await sendCprState(cpr, [{ name: backendId, id: 0, fd }]);
    return new CprTransferRun(context, connection, main, signal);
  },
};

function requireChannels({ main, cpr }: Channels): { main: string; cpr: string } {
  if (cpr === null) throw new QmpError("missing 'cpr' migration channel");
  if (main === null) throw new QmpError("missing 'main' migration channel");
  return { main, cpr };
}

class CprTransferRun implements OutgoingRun {
  readonly #context: OutgoingContext;
  readonly #cpr: Socket;
  readonly #mainPath: string;
  readonly #signal: AbortSignal;
  readonly #subject: StreamSubject;

  constructor(context: OutgoingContext, cpr: Socket, mainPath: string, signal: AbortSignal) {
    this.#context = context;
    this.#cpr = cpr;
    this.#mainPath = mainPath;
    this.#signal = signal;
    const { backendId, sizeBytes } = context.memory;
    this.#subject = { machineType: MACHINE_TYPE, ram: { name: backendId, sizeBytes } };
  }

  async finish(): Promise<void> {
    await this.#awaitHangUp();
    const main = await connectMain(this.#mainPath, this.#signal);
    try {
      this.#context.progress.connected();
      const returnPath = this.#context.settings.has('return-path');
      const ended = returnPath ? verdictOf(main, this.#signal) : flushOf(main, this.#signal);
      const head = encodeHead(this.#subject, returnPath);
      const sent = sendState(main, this.#context, this.#subject, head, this.#signal);
      for (const result of await Promise.allSettled([sent, ended])) {
        if (result.status === 'rejected') throw result.reason;
      }
    } finally {
      main.destroy();
    }
  }

  /** The time is used for rehearsing. */
  async #awaitHangUp(): Promise<void> {
    let isOver = false;
    const rehearsed = rehearseSave(this.#context.vm, this.#subject, () => isOver);
    try {
      await hangUpOf(this.#cpr, this.#signal);
    } finally {
      isOver = true;
      await rehearsed;
    }
  }
}

/** Resolves when the target closes the CPR connection; what it might send is dropped. */
function hangUpOf(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => () => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      act();
    };
    const onAbort = settle(() => reject(signal.reason));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    socket.on('error', settle(resolve)).on('end', settle(resolve)).resume();
  });
}

function connectMain(path: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const socket = createConnection({ path, allowHalfOpen: true });
    const onAbort = () => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', (cause) => {
      signal.removeEventListener('abort', onAbort);
      reject(new Error(`Failed to connect to '${path}': ${systemReason(cause)}`, { cause }));
    });
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** With return-path: resolves when the target says that it has loaded everything. */
function verdictOf(main: Socket, signal: AbortSignal): Promise<void> {
  return endingOf(main, signal, (resolve, reject) => {
    const reader = new ReturnPathReader();
    main.on('data', (chunk: Buffer) => {
      const verdict = reader.push(chunk);
      if (verdict?.loaded === true) resolve();
      else if (verdict !== null) reject(new Error(verdict.reason));
    });
    main.on('end', () => {
      reject(new Error('the target closed the connection before it confirmed that it has loaded the state'));
    });
  });
}

/** Without: resolves when all bytes are written and the end of the stream is sent. */
function flushOf(main: Socket, signal: AbortSignal): Promise<void> {
  return endingOf(main, signal, (resolve) => {
    main.on('finish', resolve).resume();
  });
}

function endingOf(
  main: Socket,
  signal: AbortSignal,
  listen: (resolve: () => void, reject: (error: unknown) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    main.on('error', (cause) => {
      reject(new Error(`the connection to the target broke: ${systemReason(cause)}`, { cause }));
    });
    main.on('close', () => {
      signal.removeEventListener('abort', onAbort);
      reject(new Error('the connection to the target was closed'));
    });
    listen(resolve, reject);
  });
}
