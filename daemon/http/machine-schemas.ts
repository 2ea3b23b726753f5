/** Machines, their documents and their instances, as they are written and read. */
import { Type } from 'typebox';
import { INSTANCE_STATES } from '../instance.js';
import { DESIRED_POWERS, MACHINE_NAME, MACHINE_STATES, ON_HOST_BOOT, ON_HOST_SHUTDOWN } from '../machine.js';
import { hardwareView, newHardware } from './hardware-schemas.js';
import { pageQuery, wordList } from './paging.js';
import {
  integerOrNull,
  named,
  nullable,
  objectOrNull,
  path,
  strict,
  textOrNull,
  time,
  words,
} from './schema-words.js';

const LABEL_KEY = '[a-zA-Z0-9][a-zA-Z0-9._/-]{0,62}';
const LABEL_VALUE = '[a-zA-Z0-9._/-]{0,63}';
const MAX_LABELS = 32;

const Labels = Type.Unsafe<Record<string, string>>({
  type: 'object',
  patternProperties: {
    [`^${LABEL_KEY}$`]: { type: 'string', pattern: `^${LABEL_VALUE}$`, description: 'Value of the label' },
  },
  additionalProperties: false,
  maxProperties: MAX_LABELS,
  examples: [{ env: 'production', rack: 'b7' }],
  description: "Names and values of the operator's own, to find machines by; may change while it runs",
});

const onHostShutdown = words(
  ON_HOST_SHUTDOWN,
  'stop: by its power button, with a deadline; suspend: into a file, as long as its build can; default: stop',
);
const onHostBoot = words(
  ON_HOST_BOOT,
  'restore: as it was before the host went down; start: in any case; leave: nothing; default: restore',
);

export const NewMachine = named(
  'NewMachine',
  Type.Object(
    {
      labels: Type.Optional(Labels),
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
      onHostShutdown: Type.Optional(onHostShutdown),
      onHostBoot: Type.Optional(onHostBoot),
      ...newHardware,
      build: Type.Optional(
        Type.String({
          maxLength: 128,
          description: "Id of its default build; default: this installation's own",
        }),
      ),
    },
    {
      ...strict,
      description: 'What a machine is',
      examples: [
        {
          name: 'web1',
          memoryMiB: 2048,
          vcpus: 2,
          disks: [{ path: '/srv/web1.qcow2', format: 'qcow2' }],
          nics: [{ kind: 'tap', interface: 'tap0' }],
          labels: { env: 'production' },
        },
      ],
    },
  ),
);

/** Members of a document that may be left out; null brings the default back. */
const clearable = Object.entries(NewMachine.properties)
  .filter(([name]) => !NewMachine.required.includes(name as 'name') && name !== 'build')
  .map(([name, schema]) => [name, Type.Optional(nullable(schema, 'null: the default again'))]);

export const MachineChange = Type.Unsafe<Record<string, unknown>>(
  named(
    'MachineChange',
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
  ),
);

export const AdoptBody = named(
  'AdoptRequest',
  Type.Object(
    {
      name: Type.String({ pattern: MACHINE_NAME, description: 'Unique on this host' }),
      qmpSocket: path('Unix socket of its QMP monitor, with no other client'),
    },
    { ...strict, description: 'A QEMU that runs already' },
  ),
);

const MAX_DENIED = 100;
const buildId = (description: string) => Type.String({ minLength: 1, maxLength: 128, description });
const buildIdOrNull = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], minLength: 1, maxLength: 128, description });

export const MachineBuildsBody = named(
  'MachineBuilds',
  Type.Object(
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
  ),
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

const FrozenView = Type.Object(
  {
    since: time('When the guest was asked'),
    thawsAt: time('When the daemon thaws them, if nobody does before'),
    upgrade: textOrNull('Path of the upgrade that they are frozen for; null: somebody asked for it'),
  },
  { description: 'What is written in the guest waits' },
);

export const MachineView = named(
  'Machine',
  Type.Object({
    id: Type.String({ description: 'Stays for the life of the machine' }),
    name: Type.String({ description: 'Unique on this host' }),
    revision: Type.Integer({
      description:
        'Of name, spec, labels and builds together; its ETag. What the machine does does not change it',
    }),
    labels: Type.Unsafe<Record<string, string>>({
      type: 'object',
      additionalProperties: { type: 'string', description: 'Value of the label' },
      description: "Names and values of the operator's own",
    }),
    state: words(MACHINE_STATES, 'What the machine was last seen doing'),
    stateReason: Type.String({ description: 'Why, for people' }),
    desiredPower: words(DESIRED_POWERS, 'What was last asked for'),
    generation: integerOrNull('The instance that runs it, or ran it last'),
    build: textOrNull('The build of that instance'),
    outdated: Type.Boolean({
      description:
        'Whether a process runs it that is not of the build it starts on, or whose files were replaced',
    }),
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
    savedState: objectOrNull(SavedStateView, 'The guest of a suspended machine; null: there is none'),
    frozen: objectOrNull(FrozenView, 'Its guest has frozen filesystems; null: not that the daemon knows'),
    operation: textOrNull('Path of the operation under way'),
    spec: Type.Object(
      {
        memoryMiB: Type.Integer({ description: 'Guest RAM in MiB' }),
        vcpus: Type.Integer({ description: 'Virtual CPUs' }),
        kernel: textOrNull('Path; null: it boots by itself'),
        initrd: textOrNull('Path'),
        commandLine: textOrNull("The kernel's command line"),
        firmware: textOrNull('Path'),
        onHostShutdown,
        onHostBoot,
        ...hardwareView,
      },
      { description: 'The document it was created with, every default resolved' },
    ),
    adopted: Type.Unsafe<{ args: string[]; folder: string } | null>(
      objectOrNull(
        Type.Object({
          args: Type.Array(Type.String(), { description: "QEMU's arguments, as they were found" }),
          folder: Type.String({ description: 'Relative paths in them are meant from here' }),
        }),
        'For a machine that somebody else started: what makes it; null: its document does',
      ),
    ),
    createdAt: time('When it was created'),
    updatedAt: time('When anything of it changed last'),
  }),
);

export const InstanceView = named(
  'Instance',
  Type.Object({
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
  }),
);

export const MachinesQuery = pageQuery({
  name: Type.Optional(
    Type.String({ pattern: '^[a-zA-Z0-9._*-]{1,63}$', description: 'Name; * stands for any characters' }),
  ),
  state: wordList(MACHINE_STATES, 'What they were last seen doing'),
  build: Type.Optional(
    Type.String({ minLength: 1, maxLength: 128, description: 'Id of the build of their last instance' }),
  ),
  label: Type.Optional(
    Type.String({
      pattern: `^${LABEL_KEY}(=${LABEL_VALUE})?(,${LABEL_KEY}(=${LABEL_VALUE})?)*$`,
      maxLength: 1024,
      examples: ['env=production,rack'],
      description: 'Labels that they have, with commas; without a value: any value',
    }),
  ),
  outdated: Type.Optional(
    Type.Boolean({
      description: 'Whether they run on another build than they would start on, or on replaced files',
    }),
  ),
});

/** Labels that a query asks for: `env=production,rack`. */
export function labelsAsked(text: string): Record<string, string | null> {
  const pairs = text.split(',').map((label) => label.split('=') as [string, string?]);
  return Object.fromEntries(pairs.map(([key, value]) => [key, value ?? null]));
}

export const InstancesQuery = pageQuery({
  state: wordList(INSTANCE_STATES, 'Whether the process exists'),
});

export const StopBody = named(
  'StopRequest',
  Type.Object(
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
  ),
);

export const RestoreBody = named(
  'RestoreRequest',
  Type.Object(
    {
      build: Type.Optional(
        Type.String({ maxLength: 128, description: 'Id of another build; default: the one that saved it' }),
      ),
    },
    { ...strict, description: 'Where to go on' },
  ),
);
