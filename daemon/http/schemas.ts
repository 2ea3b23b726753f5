/**
 * The shapes of the REST interface, with descriptions and units; OpenAPI, validation and serialization come from
 * here. Bodies refuse unknown members; answers drop what is not listed.
 */
import { Type } from 'typebox';
import { BUILD_KINDS, FILE_STATES } from '../build.js';
import { CONSOLE_POSITION } from '../console/position.js';
import { INSTANCE_STATES } from '../instance.js';
import { DESIRED_POWERS, MACHINE_NAME, MACHINE_STATES } from '../machine.js';
import { OPERATION_KINDS, OPERATION_STATES } from '../operation.js';
import { FORCIBLE_CODES, SEVERITIES, VERDICTS } from '../preflight/finding.js';
import { UPGRADE_MODES, UPGRADE_STATES } from '../upgrade.js';
import { hardwareView, newHardware } from './hardware-schemas.js';

const strict = { additionalProperties: false };
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description });
/* A list of types, not a union of schemas: the serializer would try each member of a union on every value. */
const textOrNull = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description });
const integerOrNull = (description: string) =>
  Type.Unsafe<number | null>({ type: ['integer', 'null'], description });
const numberOrNull = (description: string) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], description });
const words = <const T extends string[]>(values: readonly [...T], description: string) =>
  Type.Enum([...values] as [...T], { type: 'string', description });
const path = (description: string) =>
  Type.String({
    minLength: 1,
    maxLength: 4096,
    pattern: '^/',
    description: `${description}; an absolute path`,
  });
const time = (description: string) => Type.String({ description: `${description}, RFC 3339, UTC` });

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'urn:baton:problem:<code>' }),
    title: Type.String({ description: 'The kind of problem, for people' }),
    status: Type.Integer({ description: 'The HTTP status' }),
    detail: Type.String({ description: 'What was expected, what was got, and what to do' }),
    code: Type.String({ description: 'The kind of problem, for programs; never changes its meaning' }),
    instance: Type.Optional(Type.String({ description: 'The request, as it appears in the log' })),
  },
  { additionalProperties: true, description: 'RFC 9457 problem details' },
);

export const MachineParams = Type.Object({
  machine: Type.String({ maxLength: 64, description: 'Id or name of a machine' }),
});
export const IdParams = Type.Object({ id: Type.String({ maxLength: 128, description: 'Id' }) });
export const InstanceParams = Type.Object({
  machine: Type.String({ maxLength: 64, description: 'Id or name of a machine' }),
  generation: Type.String({ pattern: '^[1-9][0-9]{0,8}$', description: 'Generation of an instance' }),
});

export const NewMachine = Type.Object(
  {
    name: Type.String({ pattern: MACHINE_NAME, description: 'Unique on this host' }),
    memoryMiB: Type.Integer({ minimum: 1, maximum: 16_777_216, description: 'Guest RAM in MiB' }),
    vcpus: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 4096, default: 1, description: 'Virtual CPUs' }),
    ),
    kernel: Type.Optional(
      path('Kernel: Image, ELF or bare-metal image; default: none, the firmware boots the first disk'),
    ),
    initrd: Type.Optional(path('Initial RAM disk')),
    commandLine: Type.Optional(Type.String({ maxLength: 2047, description: "The kernel's command line" })),
    firmware: Type.Optional(path("Firmware image; without it the VMM's own firmware is used")),
    ...newHardware,
    build: Type.Optional(
      Type.String({
        maxLength: 128,
        description: "Id of its default build; default: this installation's own",
      }),
    ),
  },
  { ...strict, description: 'What a machine is' },
);

/** Members of a document that may be left out; null brings the default back. */
const clearable = Object.entries(NewMachine.properties)
  .filter(([name]) => !NewMachine.required.includes(name as 'name') && name !== 'build')
  .map(([name, schema]) => [name, Type.Optional(nullable(schema, 'null: the default again'))]);

export const MachineChange = Type.Unsafe<Record<string, unknown>>(
  Type.Object(
    {
      ...Type.Partial(Type.Pick(NewMachine, ['name', 'memoryMiB'])).properties,
      ...Object.fromEntries(clearable),
    },
    {
      ...strict,
      minProperties: 1,
      description: 'Members of the document to change; lists are replaced as a whole',
    },
  ),
);

export const AdoptBody = Type.Object(
  {
    name: Type.String({ pattern: MACHINE_NAME, description: 'Unique on this host' }),
    qmpSocket: path('Unix socket of its QMP monitor, with no other client'),
  },
  { ...strict, description: 'A QEMU that runs already' },
);

const MAX_DENIED = 100;
const buildId = (description: string) => Type.String({ minLength: 1, maxLength: 128, description });
const buildIdOrNull = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], minLength: 1, maxLength: 128, description });

export const MachineBuildsBody = Type.Object(
  {
    default: Type.Optional(
      buildIdOrNull(
        "Build used when none is named, null: this installation's own; follows upgrades and restores",
      ),
    ),
    pin: Type.Optional(buildIdOrNull('The only build it may run on; null: any')),
    deny: Type.Optional(
      Type.Array(buildId('Id of a build'), {
        maxItems: MAX_DENIED,
        uniqueItems: true,
        description: 'Builds that it must not run on',
      }),
    ),
  },
  { ...strict, description: 'What it may run on; what is left out is null, or none' },
);

const SavedStateView = Type.Object(
  {
    build: textOrNull('The build that saved it, which restores it unless another is named'),
    bytes: Type.Integer({ description: 'Size of the file in bytes' }),
    wasRunning: Type.Boolean({ description: 'Whether the guest runs when it is restored' }),
    savedAt: time('When it was saved'),
  },
  { description: 'A guest in a file' },
);

export const MachineView = Type.Object({
  id: Type.String({ description: 'Stays for the life of the machine' }),
  name: Type.String({ description: 'Unique on this host' }),
  state: words(MACHINE_STATES, 'What the machine was last seen doing'),
  stateReason: Type.String({ description: 'Why, for people' }),
  desiredPower: words(DESIRED_POWERS, 'What was last asked for'),
  generation: integerOrNull('The instance that runs it, or ran it last'),
  build: textOrNull('The build of that instance'),
  builds: Type.Object(
    {
      startsOn: textOrNull('The build that it would start on now'),
      default: textOrNull(
        "Used when none is named, null: this installation's own; follows upgrades and restores",
      ),
      pin: textOrNull('The only build it may run on'),
      deny: Type.Array(Type.String(), { description: 'Builds that it must not run on' }),
    },
    { description: 'What it may run on' },
  ),
  savedState: nullable(SavedStateView, 'The guest of a suspended machine; null: there is none'),
  operation: textOrNull('Path of the operation under way'),
  spec: Type.Object(
    {
      memoryMiB: Type.Integer({ description: 'Guest RAM in MiB' }),
      vcpus: Type.Integer({ description: 'Virtual CPUs' }),
      kernel: textOrNull('Path; null: it boots by itself'),
      initrd: textOrNull('Path'),
      commandLine: textOrNull("The kernel's command line"),
      firmware: textOrNull('Path'),
      ...hardwareView,
    },
    { description: 'The document it was created with, every default resolved' },
  ),
  adopted: Type.Unsafe<{ args: string[]; folder: string } | null>(
    nullable(
      Type.Object({
        args: Type.Array(Type.String(), { description: "QEMU's arguments, as they were found" }),
        folder: Type.String({ description: 'Relative paths in them are meant from here' }),
      }),
      'For a machine that somebody else started: what makes it; null: its document does',
    ),
  ),
  createdAt: time('When it was created'),
  updatedAt: time('When anything of it changed last'),
});

export const InstanceView = Type.Object({
  generation: Type.Integer({ description: '1, 2, 3… for each process of the machine' }),
  build: Type.String({ description: 'The build it runs' }),
  state: words(INSTANCE_STATES, 'Whether the process exists'),
  pid: integerOrNull('Process id'),
  exitCode: integerOrNull('Exit code, if it is known'),
  exitSignal: textOrNull('Signal that ended it, if it is known'),
  endReason: textOrNull('Why it ended, for people'),
  qmpSocket: Type.String({ description: 'Path of its monitor' }),
  consoleInput: Type.String({ description: 'Path of the FIFO that its serial console reads' }),
  vncSocket: textOrNull('Path of its screen; null: it has none, or has ended'),
  startedAt: time('When it was started'),
  endedAt: textOrNull('When it ended, RFC 3339, UTC'),
});

export const OperationView = Type.Object({
  id: Type.String({ description: 'Id' }),
  kind: words(OPERATION_KINDS, 'What was asked for'),
  machine: Type.String({ description: 'Id of the machine' }),
  state: words(OPERATION_STATES, 'How far it is'),
  upgrade: textOrNull('Path of the upgrade, for upgrades'),
  error: nullable(Problem, 'Why it did not succeed'),
  createdAt: time('When it was asked for'),
  finishedAt: textOrNull('When it ended, RFC 3339, UTC'),
});

const Reason = Type.Object({
  code: Type.String({ description: 'For programs' }),
  message: Type.String({ description: 'What happened' }),
  remedy: Type.String({ description: 'What to do' }),
  step: textOrNull('The step that could not be done'),
  vmmOutput: Type.Array(Type.String(), { description: 'The last lines that the target wrote to its stderr' }),
});

const FindingView = Type.Object({
  code: Type.String({ description: 'For programs; never changes its meaning' }),
  severity: words(SEVERITIES, 'block: it cannot go or must not; warn: it may go back; info: worth knowing'),
  sentence: Type.String({ description: 'What was found' }),
  remedy: Type.String({ description: 'What to do about it' }),
});

const Phase = Type.Object({
  name: Type.String({ description: 'The step' }),
  startedAt: time('When its intent was written'),
  result: nullable(
    words(['done', 'failed', 'undone', 'undo-failed'] as const, 'How it ended'),
    'null: under way',
  ),
  durationMs: numberOrNull('How long the act took, in milliseconds'),
});

export const UpgradeView = Type.Object({
  id: Type.String({ description: 'Id, the same as of its operation' }),
  machine: Type.String({ description: 'Id of the machine' }),
  operation: Type.String({ description: 'Path of its operation' }),
  mode: words(UPGRADE_MODES, 'How the guest is moved'),
  modeReason: Type.String({ description: 'Why this mode' }),
  state: words(UPGRADE_STATES, 'How far it is'),
  committed: Type.Boolean({
    description: 'Whether the point of no return was passed: it cannot be cancelled',
  }),
  sourceGeneration: Type.Integer({ description: 'The instance it leaves' }),
  targetGeneration: Type.Integer({ description: 'The instance it goes to' }),
  restoredGeneration: integerOrNull('The instance it was brought back in, when the one it left was no more'),
  sourceBuild: Type.String({ description: 'The build it leaves' }),
  targetBuild: Type.String({ description: 'The build it goes to' }),
  reason: nullable(Reason, 'Why it did not succeed'),
  findings: Type.Array(FindingView, { description: 'What preflight found, what blocks first' }),
  pauseMs: numberOrNull(
    "From the source's STOP to the target's RESUME by the VMMs' own clocks, in milliseconds",
  ),
  phases: Type.Array(Phase, { description: 'What was done, in order' }),
  createdAt: time('When it was asked for'),
  finishedAt: textOrNull('When it ended, RFC 3339, UTC'),
});

export const NoBody = Type.Object({}, { ...strict, description: 'Nothing; the body may be left out' });

export const StopBody = Type.Object(
  {
    powerdownMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 600_000,
        default: 5_000,
        description:
          'How long the guest has to power itself off before the VMM is told to quit, in milliseconds',
      }),
    ),
  },
  { ...strict, description: 'How to stop' },
);

export const RestoreBody = Type.Object(
  {
    build: Type.Optional(
      Type.String({ maxLength: 128, description: 'Id of another build; default: the one that saved it' }),
    ),
  },
  { ...strict, description: 'Where to go on' },
);

export const HostAnswer = Type.Object(
  {
    operations: Type.Array(OperationView, { description: 'One per machine that it is done to' }),
    refused: Type.Array(
      Type.Object({
        machine: Type.String({ description: 'Id of the machine' }),
        problem: Problem,
      }),
      { description: 'Machines that it cannot be done to now, and why' },
    ),
  },
  { description: 'What becomes of each machine; those that need nothing are not named' },
);

export const UpgradeBody = Type.Object(
  {
    build: Type.Optional(
      Type.String({
        maxLength: 128,
        description: 'Id of the build to go to; default: the one that it would start on',
      }),
    ),
    mode: Type.Optional(
      words(['auto', ...UPGRADE_MODES], 'How to move the guest; auto (the default) chooses, and says why'),
    ),
    allowDowntime: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Whether auto may choose cpr-reboot, in which the guest stands still for long',
      }),
    ),
    force: Type.Optional(
      Type.Array(words(FORCIBLE_CODES, 'Code of a finding'), {
        maxItems: FORCIBLE_CODES.length,
        description: 'Findings that shall not block; if they were right, the upgrade goes back',
      }),
    ),
  },
  { ...strict, description: 'Where to go and how' },
);

export const PreflightBody = Type.Object(
  {
    ...UpgradeBody.properties,
    rehearse: Type.Optional(
      Type.Boolean({
        default: true,
        description: 'Whether to try it with two empty machines of the same shape; the upgrade itself does',
      }),
    ),
  },
  { ...strict, description: 'The upgrade to look at' },
);

export const PreflightView = Type.Object({
  machine: Type.String({ description: 'Id of the machine' }),
  build: Type.String({ description: 'Id of the build it would go to' }),
  mode: textOrNull('How the guest would be moved; null: in no way that could be looked at'),
  modeReason: Type.String({ description: 'Why this mode, and why no better one' }),
  verdict: words(
    VERDICTS,
    "needs-cold-restart: only the machine's own properties are in the way; cannot-upgrade: build, host or moment are",
  ),
  findings: Type.Array(FindingView, { description: 'What was found, what blocks first' }),
});

export const NewBuild = Type.Object(
  {
    kind: words(BUILD_KINDS, 'What kind of VMM it is'),
    path: path('The binary, or for baton-vmm its main.js'),
  },
  { ...strict, description: 'A VMM binary' },
);

export const BuildView = Type.Object({
  id: Type.String({ description: 'Id: kind, version, and a hash of path and content' }),
  kind: words(BUILD_KINDS, 'What kind of VMM it is'),
  path: Type.String({ description: 'Path' }),
  version: Type.String({ description: 'What the binary says of itself' }),
  contentHash: Type.String({ description: 'SHA-256 of its files when it was registered' }),
  fileState: words(FILE_STATES, 'What its files are now, compared with what was registered'),
  modes: Type.Array(words(UPGRADE_MODES, 'A mode'), { description: 'Upgrade modes it knows' }),
  architecture: textOrNull('Of its guests; null: it has not said'),
  accelerators: Type.Array(Type.String(), { description: 'Those that worked on this host, best first' }),
  machineTypes: Type.Array(Type.String(), { description: "In QEMU's words, deprecated ones excepted" }),
  addedAt: time('When it was registered'),
});

export const ConsoleQuery = Type.Object(
  {
    after: Type.Optional(
      Type.String({
        pattern: CONSOLE_POSITION,
        description: 'GENERATION:OFFSET of the first byte wanted; it goes on from there',
      }),
    ),
    tail: Type.Optional(
      Type.String({
        pattern: '^(0|[1-9][0-9]{0,14})$',
        description: 'Without after: how many bytes of what was written before to begin with; default 65536',
      }),
    ),
    readonly: Type.Optional(
      Type.String({ pattern: '^(true|1)?$', description: 'Given: this session does not write' }),
    ),
  },
  strict,
);

export const EventView = Type.Object(
  {
    specversion: Type.Literal('1.0', { description: 'Version of CloudEvents' }),
    id: Type.String({ description: 'The sequence as text' }),
    seq: Type.Integer({ description: 'Sequence without gaps: ask for what is after it' }),
    source: Type.String({ description: 'Who says so' }),
    type: Type.String({ description: 'baton.<what>.<what happened>' }),
    subject: Type.String({ description: 'Path below /v1 of what it is about' }),
    time: time('When it happened'),
    datacontenttype: Type.String({ description: 'application/json' }),
    data: Type.Unknown({ description: 'What there is to know' }),
  },
  { description: 'CloudEvents 1.0, JSON format' },
);

export const EventQuery = Type.Object(
  {
    after: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,15}$',
        description:
          'Events with a higher sequence only. WebSocket: default is the newest, 0 is all that are kept',
      }),
    ),
    limit: Type.Optional(
      Type.String({ pattern: '^[1-9][0-9]{0,3}$', description: 'At most this many; not for WebSocket' }),
    ),
  },
  strict,
);
