/**
 * From argv to VmmOptions: finds each option's reader in one table, in the order given, so that later
 * options win as in QEMU. `-option` and `--option` are the same.
 */
import { readBlockdev } from './block-options.js';
import { readChardev, readMon, readMonitor, readQmp, readSerial } from './chardev-options.js';
import { readDevice } from './device-options.js';
import type { Draft } from './draft.js';
import { emptyDraft } from './draft.js';
import { readDrive } from './drive-options.js';
import { OptionError } from './error.js';
import { finish } from './finish.js';
import { readCprUri, readGlobal, readIncoming } from './incoming-options.js';
import {
  readAccel,
  readBios,
  readCpu,
  readMachine,
  readMemory,
  readObject,
  readSmp,
} from './machine-options.js';
import { readNetdev } from './netdev-options.js';
import type { VmmOptions } from './options.js';
import { Properties } from './properties.js';

type Flag = (draft: Draft) => void;
type Valued = (draft: Draft, option: string, text: string) => void;

const FLAGS: Readonly<Record<string, Flag>> = {
  help: (draft) => {
    draft.action = 'help';
  },
  h: (draft) => {
    draft.action = 'help';
  },
  version: (draft) => {
    draft.action = 'version';
  },
  S: (draft) => {
    draft.startStopped = true;
  },
  nographic: (draft) => {
    draft.nographic = true;
  },
  nodefaults: (draft) => {
    draft.nodefaults = true;
  },
  daemonize: (draft) => {
    draft.daemonize = true;
  },
  'no-user-config': () => {},
  'no-reboot': (draft) => {
    draft.noReboot = true;
  },
  'no-shutdown': (draft) => {
    draft.noShutdown = true;
  },
};

const VALUED: Readonly<Record<string, Valued>> = {
  M: readMachine,
  machine: readMachine,
  cpu: (_, option, text) => readCpu(option, text),
  smp: (_, option, text) => readSmp(option, text),
  accel: readAccel,
  m: readMemory,
  object: readObject,
  bios: (draft, _, text) => readBios(draft, text),
  kernel: (draft, _, text) => {
    draft.kernel = text;
  },
  initrd: (draft, _, text) => {
    draft.initrd = text;
  },
  append: (draft, _, text) => {
    draft.append = text;
  },
  dtb: (draft, _, text) => {
    draft.dtb = text;
  },
  device: readDevice,
  blockdev: readBlockdev,
  drive: readDrive,
  netdev: readNetdev,
  net: (_, option, text) => requireNone(option, text, 'use -netdev and -device'),
  nic: (_, option, text) => requireNone(option, text, 'use -netdev and -device'),
  chardev: readChardev,
  serial: readSerial,
  qmp: (draft, option, text) => readQmp(draft, option, text, false),
  'qmp-pretty': (draft, option, text) => readQmp(draft, option, text, true),
  mon: readMon,
  monitor: readMonitor,
  display: (_, option, text) => requireNone(option, text, 'there is no display'),
  incoming: readIncoming,
  'cpr-uri': readCprUri,
  global: readGlobal,
  name: readName,
  uuid: readUuid,
  pidfile: (draft, _, text) => {
    draft.pidfile = text;
  },
  action: readAction,
  'add-fd': readAddFd,
};

/** Every option there is, without its dash. */
export const OPTION_NAMES: readonly string[] = [...Object.keys(FLAGS), ...Object.keys(VALUED)];

/** Throws `OptionError` for everything that is not understood completely. */
export function parseOptions(argv: readonly string[]): VmmOptions {
  const draft = emptyDraft();
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    const name = word.replace(/^--?/, '');
    if (name === word || name === '')
      throw new OptionError(word, 'expected an option; a disk image is -drive file=IMAGE,format=raw');
    if (Object.hasOwn(FLAGS, name)) {
      FLAGS[name]?.(draft);
    } else if (Object.hasOwn(VALUED, name)) {
      const text = argv[++at];
      if (text === undefined) throw new OptionError(word, 'requires an argument');
      VALUED[name]?.(draft, word, text);
    } else {
      throw new OptionError(word, 'unknown option, see -help');
    }
  }
  return finish(draft);
}

function requireNone(option: string, text: string, why: string): void {
  if (text !== 'none') throw new OptionError(option, `'${text}' is not offered, only 'none': ${why}`);
}

function readName(draft: Draft, option: string, text: string): void {
  const properties = new Properties(option, text, 'guest');
  draft.name = properties.string('guest');
  properties.only('debug-threads', 'on', 'off');
  properties.end();
}

/** The largest number that a descriptor can have. */
const NUMBERS = { min: 0, max: 0x7fff_ffff };

function readAddFd(draft: Draft, option: string, text: string): void {
  const properties = new Properties(option, text, null);
  for (const name of ['fd', 'set']) properties.requiredString(name);
  draft.addFds.push({
    fd: properties.integer('fd', 0, NUMBERS),
    set: properties.integer('set', 0, NUMBERS),
    opaque: properties.string('opaque'),
  });
  properties.end();
}

function readUuid(draft: Draft, option: string, text: string): void {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) {
    throw new OptionError(option, `expected xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, got '${text}'`);
  }
  draft.uuid = text.toLowerCase();
}

function readAction(draft: Draft, option: string, text: string): void {
  const properties = new Properties(option, text, null);
  properties.only('panic', 'shutdown');
  properties.only('watchdog', 'reset');
  const reboot = properties.string('reboot');
  const shutdown = properties.string('shutdown');
  properties.only('reboot', 'reset', 'shutdown');
  properties.only('shutdown', 'poweroff', 'pause');
  if (reboot !== null) draft.noReboot = reboot === 'shutdown';
  if (shutdown !== null) draft.noShutdown = shutdown === 'pause';
  properties.end();
}
