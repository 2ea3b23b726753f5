/**
 * Every type of event that there is: what it says, when, about what, and what is in its `data`. Emitting is checked
 * against this list by the compiler, and docs/events.md by a test. A type or member is never given another meaning;
 * members may be added. Pure.
 */
import { type Static, type TProperties, Type } from 'typebox';
import { FILE_STATES } from './build.js';
import { MACHINE_STATES } from './machine.js';
import { OPERATION_KINDS, OPERATION_STATES } from './operation.js';
import { GUEST_ACT_RESULTS, GUEST_ACTS, UPGRADE_STATES } from './upgrade.js';

const text = (description: string) => Type.String({ description });
const textOrNull = (description: string) => Type.Union([Type.String(), Type.Null()], { description });
const integer = (description: string) => Type.Integer({ description });
const integerOrNull = (description: string) => Type.Union([Type.Integer(), Type.Null()], { description });
const oneOf = <const T extends string[]>(values: readonly [...T], description: string) =>
  Type.Enum([...values] as [...T], { type: 'string', description });
const list = (description: string) => Type.Array(Type.String(), { description });

/** `about`: what the subject is, `machines/<id>` or `builds/<id>`. */
function event<const A extends 'machine' | 'build', P extends TProperties>(about: A, when: string, data: P) {
  return { about, when, data: Type.Object(data) };
}

const name = text('Its name');
const generation = integer('Generation of the instance');
const pid = integer('Process id of the VMM');
const upgrade = text('Id of the upgrade, which is that of its operation');
const operation = text('Id of the operation');
const kind = oneOf(OPERATION_KINDS, 'What was asked for');
const filesystems = integer('How many filesystems');
const reason = text('Why, in the words of the VMM');
const port = {
  generation,
  port: text('Id of the port'),
  isAgent: Type.Boolean({ description: 'It is the port of the guest agent, which is there, or gone' }),
};
const path = text('Path of the binary');

export const EVENTS = {
  'baton.build.added': event('build', 'A build was registered', {
    kind: text('baton or qemu'),
    path,
    version: text('What the binary says of itself'),
  }),
  'baton.build.changed': event('build', 'The file of a build was found replaced, deleted or put back', {
    path,
    fileState: oneOf(FILE_STATES, 'What is there now'),
    from: oneOf(FILE_STATES, 'What was there'),
  }),
  'baton.build.removed': event('build', 'A build was taken off the list', { path }),

  'baton.machine.created': event('machine', 'A machine was created; it is not started', { name }),
  'baton.machine.adopted': event('machine', 'A process that somebody else had started was taken over', {
    name,
    pid,
    build: text('Id of the build that it runs on'),
  }),
  'baton.machine.released': event('machine', 'An adopted machine was let go and runs on', { name }),
  'baton.machine.changed': event('machine', 'Its document was changed', { name }),
  'baton.machine.builds-changed': event('machine', 'What it may run on was changed, also by its upgrade', {
    default: textOrNull('Id of the build that a start takes; null: that of the installation'),
    pin: textOrNull('Id of the only build that it may run on'),
    deny: list('Ids of builds that it must not run on'),
  }),
  'baton.machine.deleted': event('machine', 'It is no more', { name }),
  'baton.machine.state-changed': event('machine', 'Its state is another one', {
    state: oneOf(MACHINE_STATES, 'The state now'),
    from: oneOf(MACHINE_STATES, 'The state before'),
    reason: text('Why, for people'),
  }),
  'baton.machine.frozen': event('machine', 'Filesystems of its guest were frozen', {
    filesystems,
    upgrade: textOrNull('Id of the upgrade that they are frozen for; null: somebody asked'),
    maxMs: integer('They are thawed after so many milliseconds at the latest'),
  }),
  'baton.machine.thawed': event('machine', 'Filesystems of its guest were thawed', {
    filesystems,
    upgrade: textOrNull('Id of the upgrade that they had been frozen for; null: somebody had asked'),
  }),

  'baton.instance.started': event('machine', 'A VMM process runs it', {
    generation,
    pid,
    build: textOrNull('Id of its build'),
  }),
  'baton.instance.ended': event('machine', 'A VMM process is no more', {
    generation,
    exitCode: integerOrNull('Its exit code, where that is known'),
    exitSignal: textOrNull('The signal that ended it, where that is known'),
    reason: text('How it ended, for people'),
  }),

  'baton.operation.started': event('machine', 'Something that takes time was begun', { operation, kind }),
  'baton.operation.finished': event('machine', 'It ended, in whatever way', {
    operation,
    kind,
    state: oneOf(OPERATION_STATES, 'How'),
    code: textOrNull('Code of the problem that it ended with; null: none'),
  }),

  'baton.upgrade.state-changed': event('machine', 'An upgrade came to its next phase, or ended', {
    upgrade,
    state: oneOf(UPGRADE_STATES, 'The phase now'),
    from: oneOf(UPGRADE_STATES, 'The phase before'),
    step: Type.Optional(text('The step that begins')),
    code: Type.Optional(text('Why it goes back, or did not succeed')),
    message: Type.Optional(text('The same for people; when it has ended')),
  }),
  'baton.upgrade.guest-asked': event('machine', 'The guest was asked for something by its upgrade', {
    upgrade,
    act: oneOf(GUEST_ACTS, 'What for'),
    result: oneOf(GUEST_ACT_RESULTS, 'How that went'),
    detail: textOrNull('Why it was not done, for people'),
  }),

  'baton.guest.panicked': event('machine', 'The kernel of the guest gave up', {
    generation,
    action: text('What the VMM does about it: pause, poweroff, run, …'),
  }),
  'baton.guest.shut-down': event('machine', 'The guest powered itself off', { generation, reason }),
  'baton.guest.reset': event('machine', 'The guest was reset', {
    generation,
    byGuest: Type.Boolean({ description: 'It asked for it itself' }),
    reason,
  }),
  'baton.guest.powerdown-asked': event('machine', 'The guest was asked to power itself off', { generation }),
  'baton.guest.watchdog-expired': event('machine', 'The watchdog was not fed', {
    generation,
    action: text('What the VMM does about it: reset, poweroff, pause, none, …'),
  }),
  'baton.guest.disk-failed': event('machine', 'A disk could not be read or written', {
    generation,
    disk: text('Device, or else node, as the VMM calls it'),
    operation: text('read or write'),
    action: text('What the VMM does: report it to the guest, stop the guest, ignore it'),
    noSpace: Type.Boolean({ description: 'The host has no room left' }),
    reason: text('The error, for people'),
  }),
  'baton.guest.memory-failed': event('machine', 'A part of the memory of the host is broken', {
    generation,
    recipient: text('guest or hypervisor: whose memory it was'),
    action: text('What the VMM does about it: ignore, inject, fatal, reset'),
  }),
  'baton.guest.balloon-changed': event('machine', 'The guest gave memory back, or took it again', {
    generation,
    memoryBytes: integer('What the guest has now'),
  }),
  'baton.guest.port-opened': event('machine', 'A program in the guest opened a port', port),
  'baton.guest.port-closed': event('machine', 'A program in the guest closed a port', port),
  'baton.guest.events-dropped': event('machine', 'Its guest made more events than are kept', {
    generation,
    count: integer('How many were left out since the last one that was kept'),
  }),
} as const;

export type EventType = keyof typeof EVENTS;
export type EventData<T extends EventType> = Static<(typeof EVENTS)[T]['data']>;

export const EVENT_TYPES = Object.keys(EVENTS) as readonly EventType[];
