/**
 * Asks a QEMU binary for what a command line needs of it. Only of the types that are named: a question for
 * all types loads every module, which real ones did not survive where a module of another build lay about.
 */
import { isRecord } from '../../vmm/qmp/protocol.js';
import type { CommandNeeds, Named } from '../preflight/command-needs.js';
import { askAnew, type Recall } from '../preflight/kept-answers.js';
import type { PropertiesByName, TargetKnowledge } from '../preflight/schema-compare.js';
import type { QemuAbilities } from '../qemu-abilities.js';
import { runBounded } from './bounded-run.js';
import { askingLine } from './qemu-probe.js';
import { QmpSchema } from './qmp-schema.js';
import { returnOf, runQmpScript, type ScriptAnswers } from './qmp-script.js';

const HELP_LIMITS = { input: '', deadlineMs: 15_000, maxOutputBytes: 1024 * 1024 };

/** What the binary printed, to be read again by every daemon. */
interface Answers {
  readonly replies: ScriptAnswers['replies'];
  readonly help: string;
}

export function knowledgeOf(
  path: string,
  needs: CommandNeeds,
  abilities: QemuAbilities,
  recall: Recall = askAnew,
): Promise<TargetKnowledge> {
  const commands = [
    { execute: 'query-qmp-schema' },
    { execute: 'query-command-line-options', arguments: { option: 'chardev' } },
    ...machinesOf(needs).map(({ name }) => listing('qom-list-properties', `${name}-machine`)),
    ...needs.devices.map(({ name }) => listing('device-list-properties', name)),
    ...needs.objects.map(({ name }) => listing('qom-list-properties', name)),
  ];
  const ask = async () => {
    const { replies } = await runQmpScript(askingLine(path), commands);
    return JSON.stringify({ replies, help: await helpOf(path) });
  };
  const understand = (answer: string) => {
    const { replies, help } = JSON.parse(answer) as Answers;
    if (replies.length !== commands.length) throw new Error('expected a reply to each command');
    return knowledgeIn(replies, optionsIn(help), needs, abilities);
  };
  return recall(['knowledge', commands], ask, understand);
}

/** A machine is named at most once. */
function machinesOf({ machine }: CommandNeeds): readonly Named[] {
  return machine === null ? [] : [machine];
}

function knowledgeIn(
  replies: Answers['replies'],
  options: ReadonlySet<string>,
  needs: CommandNeeds,
  abilities: QemuAbilities,
): TargetKnowledge {
  const schema = new QmpSchema(returnOf('query-qmp-schema', replies[0]));
  const lists = replies.slice(2);
  const byName = (things: readonly Named[]): PropertiesByName =>
    new Map(things.map(({ name }) => [name, propertiesIn(lists.shift())]));
  return {
    options,
    machineTypes: new Map(abilities.machineTypes.map((machine) => [machine.name, machine])),
    accelerators: new Set(abilities.accelerators),
    machines: byName(machinesOf(needs)),
    devices: byName(needs.devices),
    objects: byName(needs.objects),
    chardevBackends: new Set(schema.valuesAt('chardev-add', 'backend', 'type')),
    chardevParameters: parametersIn(returnOf('query-command-line-options', replies[1])),
    netdevTypes: new Set(schema.casesOf('netdev_add')),
    blockDrivers: new Set(schema.valuesAt('blockdev-add', 'driver')),
  };
}

function listing(execute: 'qom-list-properties' | 'device-list-properties', typename: string) {
  return { execute, arguments: { typename } };
}

/** Null when the binary does not know the type. */
function propertiesIn(reply: ScriptAnswers['replies'][number] | undefined): ReadonlySet<string> | null {
  if (reply === undefined || 'error' in reply || !Array.isArray(reply.return)) return null;
  return new Set(reply.return.filter(isRecord).map(({ name }) => String(name)));
}

function parametersIn(answer: unknown): ReadonlySet<string> {
  const groups = Array.isArray(answer) ? answer.filter(isRecord) : [];
  const parameters = groups.flatMap((group) => (Array.isArray(group.parameters) ? group.parameters : []));
  return new Set(parameters.filter(isRecord).map(({ name }) => String(name)));
}

async function helpOf(path: string): Promise<string> {
  const { stdout, failure } = await runBounded({ file: path, args: ['-help'] }, HELP_LIMITS);
  if (failure !== null) throw new Error(`expected ${path} -help to list its options, but it ${failure}`);
  return stdout;
}

/** No command lists them all; the help does, each at the start of a line. */
function optionsIn(help: string): ReadonlySet<string> {
  const options = [...help.matchAll(/^-{1,2}([\w-]+)(?: or -([\w-]+))?/gm)].flatMap(([, name, other]) => [
    name,
    other,
  ]);
  return new Set(options.flatMap((name) => (name === undefined ? [] : [`-${name}`])));
}
