/** A guest as its agent tells of it, and freezing its filesystems. */
import { Type } from 'typebox';
import { integerOrNull, named, nullable, strict, textOrNull, time } from './schema-words.js';

const booleanOrNull = (description: string) =>
  Type.Unsafe<boolean | null>({ type: ['boolean', 'null'], description });

const System = Type.Object({
  id: textOrNull('Of the operating system, such as debian'),
  name: textOrNull('For people'),
  version: textOrNull('Of the operating system'),
  kernel: textOrNull('Version of its kernel'),
  architecture: textOrNull('Of its processor, in its own words'),
});

const Interface = Type.Object({
  name: Type.String({ description: 'In the guest' }),
  mac: textOrNull('Address of the card'),
  addresses: Type.Array(
    Type.Object({
      address: Type.String({ description: 'IPv4 or IPv6' }),
      prefix: integerOrNull('Bits of the network part'),
    }),
    { description: 'Its IP addresses' },
  ),
});

const Filesystem = Type.Object({
  mountpoint: Type.String({ description: 'In the guest' }),
  type: textOrNull('In the words of the guest'),
  usedBytes: integerOrNull('In use, in bytes'),
  totalBytes: integerOrNull('Its size, in bytes'),
});

export const GuestView = named(
  'Guest',
  Type.Object(
    {
      agentVersion: textOrNull('Of the guest agent'),
      isFrozen: booleanOrNull('Whether its filesystems are frozen; the agent then says little else'),
      canFreeze: Type.Boolean({ description: 'Whether the agent freezes filesystems' }),
      canRunPrograms: Type.Boolean({ description: 'Whether it runs programs, as a notice needs' }),
      hostname: textOrNull('Its name'),
      system: nullable(System, 'Its operating system'),
      interfaces: nullable(Type.Array(Interface), 'Its network interfaces'),
      filesystems: nullable(Type.Array(Filesystem), 'Its mounted filesystems'),
    },
    { description: 'What a guest says of itself; null: it does not say. Nobody vouches for it' },
  ),
);

export const MAX_FREEZE_MS = 600_000;
export const DEFAULT_FREEZE_MS = 30_000;

export const FreezeBody = named(
  'FreezeRequest',
  Type.Object(
    {
      maxMs: Type.Optional(
        Type.Integer({
          minimum: 1_000,
          maximum: MAX_FREEZE_MS,
          default: DEFAULT_FREEZE_MS,
          description: 'After so many milliseconds the daemon thaws them, if nobody has before',
        }),
      ),
    },
    { ...strict, description: 'For how long at most' },
  ),
);

export const FrozenGuestView = named(
  'FrozenGuest',
  Type.Object({
    filesystems: Type.Integer({ description: 'How many are frozen' }),
    since: time('When the guest was asked'),
    thawsAt: time('When the daemon thaws them, if nobody does before'),
  }),
);

export const ThawedGuestView = named(
  'ThawedGuest',
  Type.Object({
    filesystems: Type.Integer({ description: 'How many were thawed; 0: none was frozen' }),
  }),
);
