/** The faults: what each does to a machine, its VMMs, the daemon or the disk. Each says what it really did. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultName, PlannedFault } from './plan.js';
import type { SoakMachine } from './soak-machine.js';
import type { Stage } from './stage.js';
import { signal } from './vmm-processes.js';

export interface Deed {
  readonly fault: PlannedFault;
  /** The generation that was hit, for faults that hit a VMM. */
  readonly generation: number | null;
  readonly said: string;
}

export interface FaultContext {
  readonly stage: Stage;
  readonly machine: SoakMachine;
  readonly fault: PlannedFault;
  /** Path of the upgrade's operation, when the daemon has answered the order. */
  readonly operation: string | null;
  readonly sourceGeneration: number;
}

type Act = (context: FaultContext) => Promise<Pick<Deed, 'generation' | 'said'>>;

const GARBAGE: readonly (string | Buffer)[] = [
  '{"execute":"qmp_capabilities"}\n{"execute":"nonsense"}\n',
  'GET / HTTP/1.1\r\n\r\n',
  Buffer.alloc(4096, 0xff),
  Buffer.from('QEVM\0\0\0\x03\x07\0\0\0\x04virt', 'latin1'),
  '{"execute":"qmp_capabilities"',
  '',
];

const done = (said: string, generation: number | null = null) => ({ said, generation });

function sideOf({ machine, sourceGeneration }: FaultContext, side: 'source' | 'target') {
  return machine.processes.find(({ generation }) =>
    side === 'source' ? generation === sourceGeneration : generation > sourceGeneration,
  );
}

function kill(side: 'source' | 'target'): Act {
  return async (context) => {
    const process = sideOf(context, side);
    if (process === undefined || !signal(process.pid, 'SIGKILL')) return done(`no ${side}`);
    return done(`killed ${process.pid}`, process.generation);
  };
}

function freeze(side: 'source' | 'target'): Act {
  return async (context) => {
    const process = sideOf(context, side);
    if (process === undefined || !signal(process.pid, 'SIGSTOP')) return done(`no ${side}`);
    if (side === 'source') {
      await delay(context.fault.lastsMs);
      signal(process.pid, 'SIGCONT');
    }
    return done(`froze ${process.pid}`, process.generation);
  };
}

/** Whatever the answer: it has to be one. */
function ask(path: (context: FaultContext) => string | null, body?: unknown): Act {
  return async (context) => {
    const to = path(context);
    if (to === null) return done('nothing to ask');
    try {
      await context.stage.client.post(to, body);
      return done('accepted');
    } catch (error) {
      return done((error as Error).message);
    }
  };
}

async function withoutDaemon({ stage, fault }: FaultContext, end: () => Promise<void>) {
  await end();
  await delay(Math.min(fault.lastsMs, 1_000));
  await stage.restartDaemon();
  return done('restarted the daemon');
}

const fillDisk: Act = async ({ stage, fault }) => {
  if (!stage.hasOwnDisk) return done('skipped: mounting a small file system needs root');
  const fd = openSync(stage.filler, 'w');
  try {
    for (const size of [1 << 20, 4096, 1]) fill(fd, Buffer.alloc(size));
  } finally {
    closeSync(fd);
  }
  await delay(fault.lastsMs);
  rmSync(stage.filler);
  return done('filled the disk');
};

function fill(fd: number, block: Buffer): void {
  try {
    while (writeSync(fd, block) === block.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

const removeSocket: Act = async (context) => {
  const target = sideOf(context, 'target');
  if (target === undefined) return done('no target');
  rmSync(
    `${context.machine.runtimeFolder}/${target.generation}/${context.fault.socket === 'qmp' ? 'cpr' : context.fault.socket}.sock`,
    {
      force: true,
    },
  );
  return done('removed', target.generation);
};

const garbage: Act = async (context) => {
  const target = sideOf(
    context,
    context.fault.socket === 'qmp' && context.fault.lastsMs < 1_000 ? 'source' : 'target',
  );
  if (target === undefined) return done('no such side');
  const path = `${context.machine.runtimeFolder}/${target.generation}/${context.fault.socket}.sock`;
  const socket: Socket = connect(path);
  let said = 'connected';
  socket.on('error', (error) => {
    said = error.message;
  });
  socket.write(GARBAGE[(context.fault.lastsMs + context.fault.delayMs) % GARBAGE.length] ?? '');
  await delay(context.fault.lastsMs);
  socket.destroy();
  return done(said, target.generation);
};

const ACTS: Readonly<Record<FaultName, Act>> = {
  'kill-daemon': (context) => withoutDaemon(context, async () => context.stage.killDaemon()),
  'end-daemon': (context) => withoutDaemon(context, () => context.stage.endDaemon()),
  'kill-target': kill('target'),
  'freeze-target': freeze('target'),
  'kill-source': kill('source'),
  'freeze-source': freeze('source'),
  cancel: ask(({ operation }) => operation && `${operation}/cancel`),
  'remove-socket': removeSocket,
  'second-upgrade': ask(({ machine }) => `${machine.path}/upgrade`, {}),
  pause: ask(({ machine }) => `${machine.path}/pause`),
  resume: ask(({ machine }) => `${machine.path}/resume`),
  stop: ask(({ machine }) => `${machine.path}/stop`, { powerdownMs: 0 }),
  'fill-disk': fillDisk,
  garbage,
};

export async function commit(context: FaultContext): Promise<Deed> {
  return { fault: context.fault, ...(await ACTS[context.fault.name](context)) };
}
