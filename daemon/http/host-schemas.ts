/** The host: what it has, and whether it is fit. */
import { Type } from 'typebox';
import { CHECK_SEVERITIES, HOST_CHECKS, type HostCheckCode } from '../host/checks.js';
import { MACHINE_STATES } from '../machine.js';
import { integerOrNull, named, nullable, textOrNull, time, words } from './schema-words.js';

const Room = Type.Object({
  path: Type.String({ description: 'The folder' }),
  totalBytes: Type.Integer({ description: 'Size of its file system in bytes' }),
  freeBytes: Type.Integer({ description: 'What the daemon can still write there, in bytes' }),
});

const counts = MACHINE_STATES.map((state) => [
  state,
  Type.Integer({ description: `Machines that are ${state}` }),
]);

export const HostView = named(
  'Host',
  Type.Object({
    hostname: Type.String({ description: 'Name of the host' }),
    kernel: Type.String({ description: 'Release of its kernel' }),
    architecture: Type.String({ description: "Of its processors, in Node's words" }),
    cpus: Type.Integer({ description: 'Processors that the daemon may use' }),
    memoryBytes: Type.Integer({ description: 'Memory in bytes' }),
    memoryAvailableBytes: integerOrNull('What programs could still have of it, in bytes; null: not known'),
    stateDir: nullable(Room, 'Inventory, logs and saved guests; null: it cannot be looked at'),
    runtimeDir: nullable(Room, 'Sockets; null: it cannot be looked at'),
    versions: Type.Object(
      {
        batond: Type.String({ description: 'Of the daemon' }),
        node: Type.String({ description: 'Of the Node that it runs on' }),
      },
      { description: 'What runs here' },
    ),
    startedAt: time('When the daemon was started'),
    machines: Type.Object(
      {
        total: Type.Integer({ description: 'All machines' }),
        byState: Type.Unsafe<Record<string, number>>(
          Type.Object(Object.fromEntries(counts), { description: 'How many are in each state' }),
        ),
      },
      { description: 'The inventory' },
    ),
  }),
);

const CODES = Object.keys(HOST_CHECKS) as [HostCheckCode, ...HostCheckCode[]];

export const HostValidation = named(
  'HostValidation',
  Type.Object({
    checks: Type.Array(
      Type.Object({
        code: words(CODES, 'What was looked at; never changes its meaning'),
        severity: words(
          CHECK_SEVERITIES,
          'block: nothing will work; warn: some of it will fail; info: worth knowing; ok: as it should be',
        ),
        sentence: Type.String({ description: 'What was found' }),
        remedy: textOrNull('What to do about it; null: nothing'),
      }),
      { description: 'Everything that was looked at' },
    ),
  }),
);
