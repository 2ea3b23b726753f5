/**
 * Asks a QEMU binary what it is, by running it without a machine. Nothing is inferred from its version: modes are
 * the values of its own enum, accelerators are tried. Whatever is no QEMU ends in an error with a sentence.
 */
import { isRecord } from '../../vmm/qmp/protocol.js';
import { messageOf } from '../errors.js';
import { ACCELERATORS, type Accelerator } from '../hardware.js';
import type { QemuAbilities, QemuMachineType } from '../qemu-abilities.js';
import type { UpgradeMode } from '../upgrade.js';
import type { CommandLine } from './driver.js';
import { argumentsOf, hasChildren, programFilesOf } from './program-files.js';
import { QmpSchema } from './qmp-schema.js';
import { returnOf, runQmpScript, type ScriptCommand } from './qmp-script.js';

export interface QemuFacts {
  readonly version: string;
  readonly modes: readonly UpgradeMode[];
  readonly qemu: QemuAbilities;
}

/** A binary with more machine types than this is not one that we know. */
const MAX_MACHINE_TYPES = 1_000;
/** Whatever else a binary offers as a mode is nothing that this daemon can drive. */
const DRIVEN_MODES: readonly UpgradeMode[] = ['cpr-transfer', 'cpr-exec', 'cpr-reboot'];
const NO_MACHINE = ['-machine', 'none', '-nodefaults', '-no-user-config', '-display', 'none', '-S'];

/** The command line that runs `commands` on a binary without a machine. */
export function askingLine(path: string, ...more: readonly string[]): CommandLine {
  return askingLineOf({ file: path, args: [] }, ...more);
}

export function askingLineOf({ file, args }: CommandLine, ...more: readonly string[]): CommandLine {
  return { file, args: [...args, ...NO_MACHINE, ...more, '-qmp', 'stdio'] };
}

const QUESTIONS: readonly ScriptCommand[] = [
  { execute: 'query-qmp-schema' },
  { execute: 'query-target' },
  { execute: 'query-machines' },
];

export async function probeQemu(path: string): Promise<QemuFacts> {
  const { version, replies } = await runQmpScript(askingLine(path), QUESTIONS);
  const [schemaReply, targetReply, machinesReply] = replies;
  const schema = new QmpSchema(returnOf('query-qmp-schema', schemaReply));
  const accelerators: Accelerator[] = [];
  for (const accelerator of ACCELERATORS) {
    if (await works(path, accelerator)) accelerators.push(accelerator);
  }
  const { major, minor, micro } = version.qemu;
  return {
    version: `${major}.${minor}.${micro}`,
    modes: modesOf(schema),
    qemu: {
      architecture: readArchitecture(returnOf('query-target', targetReply)),
      machineTypes: readMachineTypes(returnOf('query-machines', machinesReply)),
      accelerators,
      capabilities: schema.valuesAt('migrate-set-capabilities', 'capabilities', 'capability'),
      parameters: schema.argumentsOf('migrate-set-parameters'),
      channelTypes: schema.valuesAt('migrate', 'channels', 'channel-type'),
    },
  };
}

const LOOK_LIMITS = { deadlineMs: 8_000, maxOutputBytes: 64 * 1024 };

export interface QemuProcess {
  /** Of the program that really runs. */
  readonly files: readonly string[];
  /** Of its command line: all that stands before the arguments that `path` is given. */
  readonly prefix: readonly string[];
}

/** What a process is that `path` was started as. */
export async function lookAtQemu(path: string): Promise<QemuProcess> {
  const line = askingLine(path);
  const seen: { process: QemuProcess | null; failure: string } = { process: null, failure: '' };
  await runQmpScript(line, [], LOOK_LIMITS, (pid) => {
    try {
      if (hasChildren(pid)) seen.failure = 'started the VMM as a process of its own';
      else {
        const argv = argumentsOf(pid);
        const prefix = argv.slice(0, argv.length - line.args.length);
        seen.process = { files: programFilesOf(pid), prefix };
      }
    } catch (error) {
      seen.failure = `could not be looked at: ${messageOf(error)}`;
    }
  });
  if (seen.process === null) {
    throw new Error(`expected ${path} to be or to become (exec) the VMM, but it ${seen.failure}`);
  }
  return seen.process;
}

/** A mode of the enum is known; one that needs more than its name is known when that is there as well. */
export function modesOf(schema: QmpSchema): UpgradeMode[] {
  const values = schema.valuesAt('migrate-set-parameters', 'mode');
  const hasCprChannel = schema.valuesAt('migrate', 'channels', 'channel-type').includes('cpr');
  const takesCommand = schema.argumentsOf('migrate-set-parameters').includes('cpr-exec-command');
  return DRIVEN_MODES.filter((mode) => {
    if (mode === 'cpr-transfer' && !hasCprChannel) return false;
    if (mode === 'cpr-exec' && !takesCommand) return false;
    return values.includes(mode);
  });
}

/** KVM is there when the device opens and the kernel grants a VM: so it is tried, not looked up. */
async function works(path: string, accelerator: Accelerator): Promise<boolean> {
  try {
    const { replies } = await runQmpScript(askingLine(path, '-accel', accelerator), [
      { execute: 'query-kvm' },
    ]);
    const answer = returnOf('query-kvm', replies[0]);
    return accelerator !== 'kvm' || (isRecord(answer) && answer.enabled === true);
  } catch {
    return false;
  }
}

function readArchitecture(answer: unknown): string {
  if (isRecord(answer) && typeof answer.arch === 'string' && /^\w{1,32}$/.test(answer.arch)) {
    return answer.arch;
  }
  throw new Error(`expected query-target to name an architecture, got ${JSON.stringify(answer)}`);
}

function readMachineTypes(answer: unknown): QemuMachineType[] {
  if (!Array.isArray(answer) || answer.length > MAX_MACHINE_TYPES) {
    throw new Error(`expected query-machines to list up to ${MAX_MACHINE_TYPES} machine types`);
  }
  return answer.filter(isRecord).flatMap((machine) => {
    const { name, alias, deprecated, 'cpu-max': maxVcpus } = machine;
    if (typeof name !== 'string' || name === 'none') return [];
    return {
      name,
      alias: typeof alias === 'string' ? alias : null,
      deprecated: deprecated === true,
      maxVcpus: typeof maxVcpus === 'number' ? maxVcpus : 1,
    };
  });
}
