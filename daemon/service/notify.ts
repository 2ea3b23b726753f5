/**
 * What systemd, or any supervisor that speaks sd_notify, is told of the daemon: ready, reloading, stopping, how it is,
 * and that it is alive. Without such a supervisor nothing is told. What cannot be told is never an error: the supervisor
 * draws its own conclusions.
 */
import { sendDatagram } from '../../native/index.js';

export interface Supervision {
  /** How often it wants to hear `alive`, in milliseconds; null: it does not watch. */
  readonly watchdogMs: number | null;
  ready(status: string): void;
  reloading(): void;
  stopping(status: string): void;
  status(text: string): void;
  alive(status: string): void;
}

const NAMES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const;

/** Takes what it reads out of the environment: it is meant for this process alone. */
export function supervisionOf(environment: NodeJS.ProcessEnv, pid: number): Supervision {
  const [address = '', watchdogUsec, watchdogPid] = NAMES.map((name) => environment[name]);
  for (const name of NAMES) delete environment[name];
  const isWatched = address !== '' && (watchdogPid === undefined || Number(watchdogPid) === pid);
  const watchdogMs = Number(watchdogUsec) / 1_000;
  const tell = (...lines: readonly string[]) => {
    if (address === '') return;
    try {
      sendDatagram(address, Buffer.from(lines.join('\n')));
    } catch {}
  };
  /* A status is one line. */
  const statusLine = (text: string) => `STATUS=${text.replaceAll(/\s+/g, ' ')}`;
  return {
    watchdogMs: isWatched && watchdogMs >= 1 ? watchdogMs : null,
    ready: (status) => tell('READY=1', statusLine(status)),
    reloading: () =>
      tell(
        'RELOADING=1',
        `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`,
        statusLine('reading its configuration'),
      ),
    stopping: (status) => tell('STOPPING=1', statusLine(status)),
    status: (text) => tell(statusLine(text)),
    alive: (status) => tell('WATCHDOG=1', statusLine(status)),
  };
}
