/** Commands about migration, except those that only show something. */
import { setTimeout as delay } from 'node:timers/promises';
import { CAPABILITIES } from '../../migration/settings.js';
import type { MonitorContext } from '../../qmp/command.js';
import { migrate as qmpMigrate } from '../../qmp/commands/migrate.js';
import { migrateCancel as qmpMigrateCancel } from '../../qmp/commands/migrate-cancel.js';
import { migrateIncoming as qmpMigrateIncoming } from '../../qmp/commands/migrate-incoming.js';
import { migrateSetCapabilities } from '../../qmp/commands/migrate-set-capabilities.js';
import { migrateSetParameters } from '../../qmp/commands/migrate-set-parameters.js';
import { QmpError } from '../../qmp/error.js';
import type { ArgumentType } from '../../qmp/schema.js';
import { type HmpCommand, qmp } from '../command.js';
import { splitWords } from '../words.js';

const POLL_MS = 20;
const ENDED = new Set(['none', 'completed', 'failed', 'cancelled']);

/** As long as it takes: who gave the command without `-d` wants to wait. */
async function ended({ migration }: MonitorContext): Promise<string> {
  for (;;) {
    const { status = 'none', 'error-desc': reason } = migration.info();
    if (ENDED.has(status)) return status === 'failed' && reason !== undefined ? `Error: ${reason}\n` : '';
    await delay(POLL_MS);
  }
}

export const migrate: HmpCommand = {
  names: ['migrate'],
  parameters: '[-d] uri',
  help: 'migrate to URI (using -d to not wait for completion)',
  args: [
    { kind: 'flag', letter: 'd', name: 'detach' },
    { kind: 'string', name: 'uri' },
  ],
  run: async (context, args) => {
    await qmp(context, qmpMigrate, { uri: args.text('uri') });
    return args.isSet('detach') ? '' : ended(context);
  },
};

export const migrateCancel: HmpCommand = {
  names: ['migrate_cancel'],
  parameters: '',
  help: 'cancel the current VM migration',
  args: [],
  run: async (context) => {
    await qmp(context, qmpMigrateCancel);
    return '';
  },
};

export const migrateIncoming: HmpCommand = {
  names: ['migrate_incoming'],
  parameters: 'uri',
  help: 'Continue an incoming migration from an -incoming defer',
  args: [{ kind: 'string', name: 'uri' }],
  run: async (context, args) => {
    await qmp(context, qmpMigrateIncoming, { uri: args.text('uri') });
    return '';
  },
};

export const migrateSetCapability: HmpCommand = {
  names: ['migrate_set_capability'],
  parameters: 'capability state',
  help: 'Enable/Disable the usage of a capability for migration',
  args: [
    { kind: 'string', name: 'capability' },
    { kind: 'bool', name: 'state' },
  ],
  run: async (context, args) => {
    const capability = args.text('capability');
    if (!(CAPABILITIES as readonly string[]).includes(capability)) throw unknown(capability);
    const change = { capability, state: args.isSet('state') };
    await qmp(context, migrateSetCapabilities, { capabilities: [change] });
    return '';
  },
};

export const migrateSetParameter: HmpCommand = {
  names: ['migrate_set_parameter'],
  parameters: 'parameter value',
  help: 'Set the parameter for migration',
  args: [
    { kind: 'string', name: 'parameter' },
    { kind: 'rest', name: 'value' },
  ],
  run: async (context, args) => {
    const parameter = args.text('parameter');
    const member = Object.hasOwn(migrateSetParameters.args, parameter)
      ? migrateSetParameters.args[parameter]
      : undefined;
    if (member === undefined) throw unknown(parameter);
    const value = parameterValue(parameter, args.text('value'), member.type);
    await qmp(context, migrateSetParameters, { [parameter]: value });
    return '';
  },
};

function unknown(name: string): QmpError {
  return new QmpError(`invalid parameter value: ${name}`);
}

/** What a word means depends on the parameter's type. The command itself refuses what does not fit. */
function parameterValue(parameter: string, text: string, type: ArgumentType): unknown {
  if (type === 'int') {
    const number = Number(text);
    if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(number)) {
      throw new QmpError(`Parameter '${parameter}' expects a whole number, got '${text}'`);
    }
    return number;
  }
  if (type === 'bool') {
    if (text === 'on' || text === 'off') return text === 'on';
    throw new QmpError(`Parameter '${parameter}' expects 'on' or 'off', got '${text}'`);
  }
  return typeof type === 'object' && 'array' in type ? splitWords(text) : text;
}
