/**
 * The hardware of a machine in its document: strict when it is written, with every default resolved when it
 * is read.
 */
import { type Static, Type } from 'typebox';
import { BatonError } from '../errors.js';
import { MAX_EXTRA_ARGUMENTS } from '../extra-arguments.js';
import {
  ACCELERATORS,
  ARCHITECTURES,
  DISK_BUSES,
  DISK_FORMATS,
  DISPLAY_KINDS,
  type Hardware,
} from '../hardware.js';
import { path, strict, textOrNull, words } from './schema-words.js';

const MAX_DISKS = 32;
const MAX_NICS = 8;

const NewDisk = Type.Object(
  {
    path: path('The image'),
    format: Type.Optional(words(DISK_FORMATS, 'How the image is written; default: raw')),
    bus: Type.Optional(words(DISK_BUSES, 'What the guest sees it on; default: virtio')),
    readOnly: Type.Optional(Type.Boolean({ description: 'Whether writes are refused; default: false' })),
  },
  { ...strict, description: 'A disk' },
);

const NIC_KINDS = ['user', 'stream', 'tap', 'none'] as const;
const NewNic = Type.Object(
  {
    kind: words(
      NIC_KINDS,
      "The VMM's own network, a network process behind a unix socket, a tap interface, or nothing",
    ),
    mac: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$',
        description: 'Address of the card; default: one that stays with the machine',
      }),
    ),
    path: Type.Optional(path('Where the network process listens; for stream, and only for it')),
    interface: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$',
        description: 'A tap interface of one queue that exists; for tap, and only for it',
      }),
    ),
  },
  { ...strict, description: 'A network card' },
);

/** Members of the document that is written. */
export const newHardware = {
  architecture: Type.Optional(words(ARCHITECTURES, "Of the guest; default: the build's")),
  machineType: Type.Optional(
    Type.String({
      pattern: '^[a-z0-9][a-z0-9._-]{0,63}$',
      description: "In QEMU's words; default: the newest q35 of the build, or virt",
    }),
  ),
  accelerator: Type.Optional(words(ACCELERATORS, 'Default: the best that works with the build on this host')),
  cpu: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._,+=-]{0,255}$',
      description: "Model and features in QEMU's words; default: that of the machine type",
    }),
  ),
  disks: Type.Optional(
    Type.Array(NewDisk, { maxItems: MAX_DISKS, description: 'Disks, in the order of their slots' }),
  ),
  nics: Type.Optional(
    Type.Array(NewNic, { maxItems: MAX_NICS, description: 'Network cards, in the same way' }),
  ),
  display: Type.Optional(
    Type.Object(
      { kind: words(DISPLAY_KINDS, 'vnc: on a unix socket of each instance') },
      { ...strict, description: 'The screen; default: none' },
    ),
  ),
  guestAgent: Type.Optional(
    Type.Boolean({ description: 'Whether the guest has a port for qemu-guest-agent; default: false' }),
  ),
  extraArguments: Type.Optional(
    Type.Array(
      Type.String({ minLength: 1, maxLength: 4096, pattern: '^[^\\0]+$', description: 'One argument' }),
      {
        maxItems: MAX_EXTRA_ARGUMENTS,
        description: "Added to the VMM's command line; those that the daemon sets itself are refused",
      },
    ),
  ),
};

/** The same as it is read. */
export const hardwareView = {
  architecture: textOrNull('Of the guest'),
  machineType: textOrNull("In QEMU's words, with its version"),
  accelerator: textOrNull('What runs its processors'),
  cpu: textOrNull('Model and features; null: that of the machine type'),
  disks: Type.Unsafe<Hardware['disks']>(
    Type.Array(
      Type.Object({
        path: Type.String({ description: 'The image' }),
        format: words(DISK_FORMATS, 'How the image is written'),
        bus: words(DISK_BUSES, 'What the guest sees it on'),
        readOnly: Type.Boolean({ description: 'Whether writes are refused' }),
      }),
    ),
  ),
  nics: Type.Unsafe<Hardware['nics']>(
    Type.Array(
      Type.Object({
        kind: words(NIC_KINDS, 'What is behind it'),
        mac: textOrNull('Address of the card; null: one that stays with the machine'),
        path: Type.Optional(Type.String({ description: 'Where the network process listens' })),
        interface: Type.Optional(Type.String({ description: 'The tap interface' })),
      }),
    ),
  ),
  display: Type.Unsafe<Hardware['display']>({
    type: ['object', 'null'],
    properties: { kind: words(DISPLAY_KINDS, 'vnc: on a unix socket of each instance') },
    description: 'The screen; null: none',
  }),
  guestAgent: Type.Boolean({ description: 'Whether the guest has a port for qemu-guest-agent' }),
  extraArguments: Type.Unsafe<Hardware['extraArguments']>(
    Type.Array(Type.String(), { description: "Added to the VMM's command line" }),
  ),
};

const Document = Type.Object(newHardware);

/** What the document says, with nothing left open. Throws a `BatonError` when members do not go together. */
export function hardwareOf(body: Static<typeof Document>): Hardware {
  const { architecture, machineType, accelerator, cpu, disks = [], nics = [] } = body;
  const interfaces = nics.flatMap(({ interface: name }) => name ?? []);
  const shared = interfaces.find((name, index) => interfaces.indexOf(name) !== index);
  if (shared !== undefined) {
    throw new BatonError(
      'invalid_request',
      `expected each interface on one of the nics, got ${shared} twice`,
    );
  }
  return {
    architecture: architecture ?? null,
    machineType: machineType ?? null,
    accelerator: accelerator ?? null,
    cpu: cpu ?? null,
    disks: disks.map(({ path, format = 'raw', bus = 'virtio', readOnly = false }) => ({
      path,
      format,
      bus,
      readOnly,
    })),
    nics: nics.map(nicOf),
    display: body.display ?? null,
    guestAgent: body.guestAgent ?? false,
    extraArguments: body.extraArguments ?? [],
  };
}

function nicOf(nic: Static<typeof NewNic>, index: number): Hardware['nics'][number] {
  const { kind, mac = null, path, interface: name } = nic;
  for (const [owner, member] of [
    ['stream', 'path'],
    ['tap', 'interface'],
  ] as const) {
    if ((kind === owner) === (nic[member] !== undefined)) continue;
    const wants = kind === owner ? `the member ${member}` : `no ${member}`;
    throw new BatonError('invalid_request', `expected ${wants} for nics/${index} of kind ${kind}`);
  }
  if (kind === 'stream') return { kind, mac, path: path as string };
  if (kind === 'tap') return { kind, mac, interface: name as string };
  return { kind, mac };
}
