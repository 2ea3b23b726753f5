/**
 * What the daemon was told, by its configuration file and its command line, checked, with every default resolved. The
 * command line wins.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ACCESS_HELP, ACCESS_OPTIONS, type AccessConfig, accessConfig } from './access-options.js';
import { ConfigError, readConfigFile } from './config-file.js';
import {
  type ConfigFile,
  DEFAULT_CONFIG_FILE,
  DEFAULT_RUNTIME_DIR,
  DEFAULT_STATE_DIR,
  LOG_LEVELS,
  type LogLevel,
  MAX_CONSOLE_LOG_MIB,
  type VMM_UNITS,
} from './config-schema.js';

export { ConfigError } from './config-file.js';

export interface VmmConfig {
  /** Whether each VMM gets a systemd unit of its own. */
  readonly units: (typeof VMM_UNITS)[number];
  readonly slice: string;
  /** Null: the daemon's own. */
  readonly user: string | null;
  /** Null: the main group of that user. */
  readonly group: string | null;
}

export interface Config {
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly socketPath: string;
  readonly socketMode: number;
  /** Null: that of the daemon. */
  readonly socketGroup: string | null;
  readonly logLevel: LogLevel;
  readonly consoleLogBytes: number;
  readonly keepEvents: number;
  readonly keepAudit: number;
  readonly vmm: VmmConfig;
  readonly shutdownDeadlineMs: number;
  readonly access: AccessConfig;
  /** The sections that other parts resolve. */
  readonly file: Pick<ConfigFile, 'metrics'>;
}

export type CommandLineRequest =
  | { readonly action: 'run'; readonly config: Config }
  /** The configuration is sound. */
  | { readonly action: 'check'; readonly config: Config; readonly file: string | null }
  | { readonly action: 'help' }
  | { readonly action: 'version' };

export const HELP = `batond [--config FILE] [OPTION]…

The host service of Baton: keeps machines, runs their VMMs, and replaces a VMM under a running machine.

  --config FILE        configuration, YAML (default: ${DEFAULT_CONFIG_FILE}, if it is there and
                       no --state-dir is given); what follows wins over it
  --check-config       says whether the configuration is sound, and ends
  --state-dir DIR      inventory, journal and logs; must survive a reboot of the host
  --runtime-dir DIR    sockets; may be emptied by a reboot of the host
  --socket PATH        where to serve the REST interface (default: <runtime-dir>/batond.sock)
  --socket-mode MODE   600: the daemon's user only (default without a group); 660: its group too
${ACCESS_HELP}  --log-level LEVEL    ${LOG_LEVELS.join(', ')} (default: info)
  --console-log-mib N  how much of each instance's console log is kept, 1 to ${MAX_CONSOLE_LOG_MIB} (default: 16)
  --version, --help

SIGTERM and SIGINT stop the daemon; its machines run on and are found again by the next one.
`;

/** sockaddr_un holds 108 bytes, one of them the end of the string. */
const MAX_SOCKET_PATH_BYTES = 107;
/** What is added below the runtime folder: /<8 digits of the machine>/<generation>/<name>.sock. */
const LONGEST_SOCKET = '/12345678/9999999/main.sock';

const MIB = 1024 * 1024;
const DEFAULT_CONSOLE_LOG_MIB = 16;
const DEFAULT_EVENTS = 100_000;
const DEFAULT_AUDIT = 100_000;
const DEFAULT_SLICE = 'baton.slice';
const DEFAULT_SHUTDOWN_DEADLINE = '90s';
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

const OPTIONS = {
  config: { type: 'string' },
  'check-config': { type: 'boolean' },
  'state-dir': { type: 'string' },
  'runtime-dir': { type: 'string' },
  socket: { type: 'string' },
  'socket-mode': { type: 'string' },
  ...ACCESS_OPTIONS,
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
  if (value === undefined || value === '') {
    throw new ConfigError(
      `expected --${option} DIR, got none, and there is no ${DEFAULT_CONFIG_FILE} or --config`,
    );
  }
  if (value.includes(',')) {
    throw new ConfigError(
      `${option} must not have a comma in it, as QEMU's option syntax gives it meaning: ${value}`,
    );
  }
  return resolve(value);
}

function checkSocketPath(option: string, path: string, suffix: string): void {
  const bytes = Buffer.byteLength(path + suffix);
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    const allowed = MAX_SOCKET_PATH_BYTES - Buffer.byteLength(suffix);
    throw new ConfigError(
      `${option} ${path} is too long: unix sockets allow it at most ${allowed} bytes, it has ${Buffer.byteLength(path)}; choose a shorter one`,
    );
  }
}

function socketMode(value: string): number {
  if (value === '600' || value === '0600') return 0o600;
  if (value === '660' || value === '0660') return 0o660;
  throw new ConfigError(`expected --socket-mode 600 or 660, got ${value}`);
}

function consoleLogMib(value: string): number {
  const mib = /^[1-9][0-9]{0,4}$/.test(value) ? Number(value) : 0;
  if (mib < 1 || mib > MAX_CONSOLE_LOG_MIB) {
    throw new ConfigError(`expected --console-log-mib from 1 to ${MAX_CONSOLE_LOG_MIB}, got ${value}`);
  }
  return mib;
}

function logLevel(value: string): LogLevel {
  const level = LOG_LEVELS.find((each) => each === value);
  if (level === undefined)
    throw new ConfigError(`expected --log-level ${LOG_LEVELS.join(', ')}, got ${value}`);
  return level;
}

function milliseconds(duration: string): number {
  const [, count, unit = ''] = /^(\d+)([a-z]+)$/.exec(duration) ?? [];
  return Number(count) * (UNIT_MS[unit] ?? Number.NaN);
}

/** A daemon that is started by hand with a state folder of its own is not the one of /etc. */
function configPath(named: string | undefined, stateDir: string | undefined): string | null {
  if (named !== undefined) return resolve(named);
  return stateDir === undefined && existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : null;
}

/** What no single member of the file can tell. */
function checkSections({ access }: ConfigFile, path: string | null): void {
  for (const { name, commonName, fingerprint256 } of access?.certificates ?? []) {
    if ((commonName === undefined) === (fingerprint256 === undefined)) {
      throw new ConfigError(`${path}: certificate ${name} needs one of commonName and fingerprint256`);
    }
  }
}

export function parseCommandLine(argv: readonly string[]): CommandLineRequest {
  const values = parse(argv);
  if (values.help) return { action: 'help' };
  if (values.version) return { action: 'version' };
  const path = configPath(values.config, values['state-dir']);
  const file = path === null ? {} : readConfigFile(path);
  checkSections(file, path);
  const config = resolveConfig(values, file, path !== null);
  return values['check-config'] ? { action: 'check', config, file: path } : { action: 'run', config };
}

function resolveConfig(values: ReturnType<typeof parse>, file: ConfigFile, hasFile: boolean): Config {
  const byDefault = (path: string) => (hasFile ? path : undefined);
  const stateDir = folder('state-dir', values['state-dir'] ?? file.stateDir ?? byDefault(DEFAULT_STATE_DIR));
  const runtimeDir = folder(
    'runtime-dir',
    values['runtime-dir'] ?? file.runtimeDir ?? byDefault(DEFAULT_RUNTIME_DIR),
  );
  checkSocketPath('--runtime-dir', runtimeDir, LONGEST_SOCKET);
  const unix = file.listen?.unix ?? {};
  const socketPath = resolve(values.socket ?? unix.path ?? `${runtimeDir}/batond.sock`);
  checkSocketPath('--socket', socketPath, '');
  const { units = 'auto', slice = DEFAULT_SLICE, user = null, group = null } = file.vmm ?? {};
  const mib = values['console-log-mib'];
  const socketGroup = values['socket-group'] ?? unix.group ?? null;
  return {
    stateDir,
    runtimeDir,
    socketPath,
    socketMode: socketMode(values['socket-mode'] ?? unix.mode ?? (socketGroup === null ? '600' : '660')),
    socketGroup,
    logLevel: logLevel(values['log-level'] ?? file.logLevel ?? 'info'),
    consoleLogBytes:
      MIB * (mib === undefined ? (file.consoleLogMib ?? DEFAULT_CONSOLE_LOG_MIB) : consoleLogMib(mib)),
    keepEvents: file.limits?.events ?? DEFAULT_EVENTS,
    keepAudit: file.limits?.audit ?? DEFAULT_AUDIT,
    vmm: { units, slice, user, group },
    shutdownDeadlineMs: milliseconds(file.host?.shutdownDeadline ?? DEFAULT_SHUTDOWN_DEADLINE),
    access: accessConfig(values, file),
    file,
  };
}
