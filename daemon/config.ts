/** What the daemon is told on its command line, checked, with every default resolved. */

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Config {
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly socketPath: string;
  readonly socketMode: number;
  readonly logLevel: LogLevel;
  readonly consoleLogBytes: number;
}

export type CommandLineRequest =
  | { readonly action: 'run'; readonly config: Config }
  | { readonly action: 'help' }
  | { readonly action: 'version' };

export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

export const HELP = `batond --state-dir DIR --runtime-dir DIR [OPTION]…

The host service of Baton: keeps machines, runs their VMMs, and replaces a VMM under a running machine.

  --state-dir DIR      inventory, journal and logs; must survive a reboot of the host
  --runtime-dir DIR    sockets; may be emptied by a reboot of the host
  --socket PATH        where to serve the REST interface (default: <runtime-dir>/batond.sock)
  --socket-mode MODE   600: the daemon's user only (default); 660: its group too
  --log-level LEVEL    ${LOG_LEVELS.join(', ')} (default: info)
  --console-log-mib N  how much of each instance's console log is kept, 1 to 65536 (default: 16)
  --version, --help

SIGTERM and SIGINT stop the daemon; its machines run on and are found again by the next one.
`;

/** sockaddr_un holds 108 bytes, one of them the end of the string. */
const MAX_SOCKET_PATH_BYTES = 107;
/** What is added below the runtime folder: /<8 digits of the machine>/<generation>/<name>.sock. */
const LONGEST_SOCKET = '/12345678/9999999/main.sock';

const MIB = 1024 * 1024;
const MAX_CONSOLE_LOG_MIB = 65_536;

const OPTIONS = {
  'state-dir': { type: 'string' },
  'runtime-dir': { type: 'string' },
  socket: { type: 'string' },
  'socket-mode': { type: 'string' },
  'log-level': { type: 'string' },
  'console-log-mib': { type: 'string' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const;

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: false, strict: true }).values;
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error));
  }
}

function folder(option: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new ConfigError(`expected --${option} DIR, got none`);
  if (value.includes(',')) {
    throw new ConfigError(
      `--${option} must not have a comma in it, as QEMU's option syntax gives it meaning`,
    );
  }
  return resolve(value);
}

function checkSocketPath(option: string, path: string, suffix: string): void {
  const bytes = Buffer.byteLength(path + suffix);
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    const allowed = MAX_SOCKET_PATH_BYTES - Buffer.byteLength(suffix);
    throw new ConfigError(
      `--${option} ${path} is too long: unix sockets allow it at most ${allowed} bytes, it has ${Buffer.byteLength(path)}; choose a shorter one`,
    );
  }
}

function socketMode(value: string): number {
  if (value === '600' || value === '0600') return 0o600;
  if (value === '660' || value === '0660') return 0o660;
  throw new ConfigError(`expected --socket-mode 600 or 660, got ${value}`);
}

function consoleLogBytes(value: string): number {
  const mib = /^[1-9][0-9]{0,4}$/.test(value) ? Number(value) : 0;
  if (mib < 1 || mib > MAX_CONSOLE_LOG_MIB) {
    throw new ConfigError(`expected --console-log-mib from 1 to ${MAX_CONSOLE_LOG_MIB}, got ${value}`);
  }
  return mib * MIB;
}

export function parseCommandLine(argv: readonly string[]): CommandLineRequest {
  const values = parse(argv);
  if (values.help) return { action: 'help' };
  if (values.version) return { action: 'version' };
  const stateDir = folder('state-dir', values['state-dir']);
  const runtimeDir = folder('runtime-dir', values['runtime-dir']);
  checkSocketPath('runtime-dir', runtimeDir, LONGEST_SOCKET);
  const socketPath = resolve(values.socket ?? `${runtimeDir}/batond.sock`);
  checkSocketPath('socket', socketPath, '');
  const logLevel = LOG_LEVELS.find((level) => level === (values['log-level'] ?? 'info'));
  if (logLevel === undefined) {
    throw new ConfigError(`expected --log-level ${LOG_LEVELS.join(', ')}, got ${values['log-level']}`);
  }
  const config: Config = {
    stateDir,
    runtimeDir,
    socketPath,
    socketMode: socketMode(values['socket-mode'] ?? '600'),
    logLevel,
    consoleLogBytes: consoleLogBytes(values['console-log-mib'] ?? '16'),
  };
  return { action: 'run', config };
}
