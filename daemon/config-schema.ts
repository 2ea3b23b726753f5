/**
 * The configuration file, as it is written. Every member is optional and says its default in its description; unknown
 * members are refused. `config/batond.schema.json` is this schema, for editors, and docs/install.md lists it: tests
 * compare both.
 */
import { type Static, Type } from 'typebox';

export const DEFAULT_CONFIG_FILE = '/etc/baton/batond.yaml';
export const DEFAULT_STATE_DIR = '/var/lib/baton';
export const DEFAULT_RUNTIME_DIR = '/run/baton';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const MAX_CONSOLE_LOG_MIB = 65_536;
export const VMM_UNITS = ['auto', 'always', 'never'] as const;

const strict = { additionalProperties: false };
const optional = Type.Optional;
const MAX_PATH = 4096;

const path = (description: string) =>
  Type.String({ pattern: '^/', maxLength: MAX_PATH, description: `${description}; an absolute path` });
const text = (description: string) => Type.String({ minLength: 1, maxLength: 255, description });
const words = <const T extends string[]>(values: readonly [...T], description: string) =>
  Type.Enum([...values] as [...T], { type: 'string', description });
/** Milliseconds, seconds or minutes. */
const duration = (description: string) =>
  Type.String({
    pattern: '^[1-9][0-9]{0,8}(ms|s|m)$',
    description: `${description}; such as 90s, 5m or 500ms`,
  });
const user = (description: string) => Type.String({ pattern: '^[a-z_][a-z0-9_-]{0,31}$', description });
const role = (description: string) => words(['viewer', 'operator', 'admin'], description);

const Unix = Type.Object(
  {
    path: optional(path('The socket of the REST interface; default: batond.sock in runtimeDir')),
    mode: optional(
      words(
        ['600', '660'],
        "600: the daemon's user only; 660: its group too. Default: 660 with a group, else 600",
      ),
    ),
    group: optional(user('The group of the socket file; default: that of the daemon')),
  },
  { ...strict, description: 'The unix socket' },
);

const Address = Type.Object(
  {
    address: optional(text('Address to listen on; default: ::, all of them')),
    port: Type.Integer({ minimum: 1, maximum: 65_535, description: 'TCP port' }),
  },
  { ...strict, description: 'One place' },
);

const Loopback = Type.Object(
  {
    address: optional(
      Type.String({
        pattern: '^(127\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}|::1|localhost)$',
        description: 'A loopback address, as nobody has to prove anything there; default: 127.0.0.1',
      }),
    ),
    port: Type.Integer({ minimum: 1, maximum: 65_535, description: 'TCP port' }),
  },
  { ...strict, description: 'One place on this host, over plain HTTP' },
);

const Tls = Type.Object(
  {
    cert: path("The daemon's certificate with its chain, PEM"),
    key: path('Its private key, PEM'),
    clientCa: optional(path('Who may sign client certificates, PEM; default: no client certificates')),
  },
  { ...strict, description: 'Needed by listen.tcp; default: none' },
);

const Certificate = Type.Object(
  {
    name: text('What the owner is called in events and the audit log'),
    role: role('What the owner may do'),
    commonName: optional(text('The common name of the certificate that is meant')),
    fingerprint256: optional(
      Type.String({
        pattern: '^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$',
        description: 'Or its SHA-256 fingerprint, pairs of hexadecimal digits with colons',
      }),
    ),
  },
  { ...strict, description: 'One client certificate: by commonName or by fingerprint256' },
);

const Access = Type.Object(
  {
    groupRole: optional(
      role(
        "Role of the members of the socket's group; root and the daemon's user are admin; default: operator",
      ),
    ),
    certificates: optional(
      Type.Array(Certificate, { maxItems: 1_000, description: 'Client certificates; default: none' }),
    ),
  },
  { ...strict, description: 'Who may do what' },
);

const Limits = Type.Object(
  {
    events: optional(
      Type.Integer({ minimum: 1_000, maximum: 10_000_000, description: 'Events kept; default: 100000' }),
    ),
    audit: optional(
      Type.Integer({
        minimum: 1_000,
        maximum: 10_000_000,
        description: 'Entries of the audit kept; default: 100000',
      }),
    ),
    requestsPerSecond: optional(
      Type.Integer({ minimum: 1, maximum: 100_000, description: 'Of one caller; default: 500' }),
    ),
    changesPerSecond: optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        description: 'Of these so many may change something; default: 100',
      }),
    ),
    streams: optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: 'WebSockets and event streams that one caller may have open; default: 100',
      }),
    ),
  },
  { ...strict, description: 'What is bounded' },
);

const Vmm = Type.Object(
  {
    units: optional(
      words(
        VMM_UNITS,
        'Whether each VMM gets a systemd unit of its own; auto: when the host runs systemd; default: auto',
      ),
    ),
    slice: optional(
      Type.String({
        pattern: '^[A-Za-z0-9:_.\\\\-]{1,200}\\.slice$',
        description: 'The slice of these units; default: baton.slice',
      }),
    ),
    user: optional(user("The user that VMMs run as; default: the daemon's own")),
    group: optional(user('Their group; default: the main group of that user')),
  },
  { ...strict, description: 'How VMMs are run' },
);

const Host = Type.Object(
  {
    shutdownDeadline: optional(
      duration(
        'How long machines may take, all together, to stop or be suspended as the host goes down; default: 90s',
      ),
    ),
  },
  { ...strict, description: 'What happens as the host goes down' },
);

export const ConfigFile = Type.Object(
  {
    stateDir: optional(
      path(`Inventory, journal, saved guests and logs; must survive a reboot; default: ${DEFAULT_STATE_DIR}`),
    ),
    runtimeDir: optional(path(`Sockets; may be emptied by a reboot; default: ${DEFAULT_RUNTIME_DIR}`)),
    logLevel: optional(words(LOG_LEVELS, 'The least that is logged; default: info')),
    consoleLogMib: optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_CONSOLE_LOG_MIB,
        description: "How much of each instance's console log is kept, in MiB; default: 16",
      }),
    ),
    listen: optional(
      Type.Object(
        {
          unix: optional(Unix),
          tcp: optional(
            Type.Array(Address, { maxItems: 16, description: 'TCP, always with TLS; default: nowhere' }),
          ),
        },
        { ...strict, description: 'Where the REST interface is served' },
      ),
    ),
    tls: optional(Tls),
    access: optional(Access),
    limits: optional(Limits),
    metrics: optional(
      Type.Object(
        { listen: optional(Loopback) },
        {
          ...strict,
          description:
            'A place of its own for /metrics, /healthz and /readyz; default: with the REST interface only',
        },
      ),
    ),
    vmm: optional(Vmm),
    host: optional(Host),
  },
  { ...strict, title: 'batond.yaml', description: 'Configuration of batond, the host service of Baton' },
);
export type ConfigFile = Static<typeof ConfigFile>;
