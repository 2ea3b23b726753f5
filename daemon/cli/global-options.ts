/** Options that every command takes, before or after its name. */
import type { Options } from './command.js';
import { duration, flag, oneOf, text } from './words.js';

const ENVIRONMENT = {
  host: 'BATON_HOST',
  tokenFile: 'BATON_TOKEN_FILE',
  ca: 'BATON_CA',
  cert: 'BATON_CERT',
  key: 'BATON_KEY',
} as const;

export const GLOBAL_OPTIONS = {
  host: text(
    '--host <where>',
    `Where the daemon listens: unix:/PATH or https://NAME:PORT (${ENVIRONMENT.host})`,
  ),
  tokenFile: text('--token-file <file>', `File with the access token (${ENVIRONMENT.tokenFile})`, {
    completion: 'files',
  }),
  ca: text('--ca <file>', `Certificates of the authorities to trust (${ENVIRONMENT.ca})`, {
    completion: 'files',
  }),
  cert: text('--cert <file>', `Certificate of this client (${ENVIRONMENT.cert})`, { completion: 'files' }),
  key: text('--key <file>', `Key of that certificate (${ENVIRONMENT.key})`, { completion: 'files' }),
  json: flag('--json', "Print the interface's documents as JSON, for scripts"),
  timeout: duration(
    '--timeout <duration>',
    'How long the command may take, waiting included; what it asked for goes on',
  ),
  color: oneOf('--color <when>', 'Colours: auto (on a terminal, unless NO_COLOR), always, never', [
    'auto',
    'always',
    'never',
  ]),
  debug: flag('--debug', 'Tell each exchange with the daemon on stderr'),
} as const satisfies Options;

export interface GlobalValues {
  readonly host?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly json?: boolean;
  readonly timeout?: number;
  readonly color?: 'auto' | 'always' | 'never';
  readonly debug?: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Those of the command line, then those of the environment. */
export function fromEnvironment(values: GlobalValues, environment: Environment): GlobalValues {
  const found = Object.entries(ENVIRONMENT).flatMap(([name, variable]) => {
    const value = environment[variable];
    return value === undefined || value === '' ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(found), ...values };
}

/** What the environment says, for the manual. */
export const VARIABLES: readonly (readonly [name: string, means: string])[] = [
  [ENVIRONMENT.host, 'Where the daemon listens; default: unix:/run/baton/batond.sock'],
  ['BATON_TOKEN', 'The access token itself'],
  [ENVIRONMENT.tokenFile, 'A file with the access token'],
  [ENVIRONMENT.ca, 'A file with the certificates of the authorities to trust'],
  [ENVIRONMENT.cert, "A file with this client's certificate"],
  [ENVIRONMENT.key, 'A file with the key of that certificate'],
  ['VISUAL, EDITOR', 'The editor of baton machine edit; default: vi'],
  ['NO_COLOR', 'Given and not empty: no colours'],
];
