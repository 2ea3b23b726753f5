/**
 * Whether a binary knows everything that a command line asks of it, by what the binary said of itself. Pure. A line
 * that passes can still be refused for its values: trying it is another check.
 */
import type { CommandNeeds, Named } from './command-needs.js';
import type { Finding, FindingCode, Severity } from './finding.js';

/** Names by name of the thing; null: the binary does not have the thing. */
export type PropertiesByName = ReadonlyMap<string, ReadonlySet<string> | null>;

export interface TargetKnowledge {
  readonly options: ReadonlySet<string>;
  readonly machineTypes: ReadonlyMap<string, { readonly deprecated: boolean }>;
  readonly accelerators: ReadonlySet<string>;
  readonly machines: PropertiesByName;
  readonly devices: PropertiesByName;
  readonly objects: PropertiesByName;
  readonly chardevBackends: ReadonlySet<string>;
  readonly chardevParameters: ReadonlySet<string>;
  readonly netdevTypes: ReadonlySet<string>;
  readonly blockDrivers: ReadonlySet<string>;
}

const COLD = 'choose a build that has it, or change the machine and restart it once';

export function compareSchema(needs: CommandNeeds, target: TargetKnowledge): readonly Finding[] {
  const findings: Finding[] = [];
  const say = (code: FindingCode, sentence: string, severity: Severity = 'block', remedy = COLD) =>
    findings.push({ code, severity, sentence, remedy });
  const lacks = (code: FindingCode, what: string, names: readonly string[], known: ReadonlySet<string>) => {
    for (const name of new Set(names)) if (!known.has(name)) say(code, `the target has no ${what} ${name}`);
  };
  const properties = (
    kind: 'device' | 'object' | 'machine',
    things: readonly Named[],
    known: PropertiesByName,
  ) => {
    for (const { name, properties } of things) {
      const has = known.get(name) ?? null;
      if (has === null) say(`target_${kind}_missing`, `the target has no ${kind} ${name}`);
      else {
        for (const property of properties.filter((property) => !has.has(property))) {
          say(`target_${kind}_property_missing`, `${kind} ${name} of the target has no property ${property}`);
        }
      }
    }
  };
  lacks('target_option_missing', 'option', needs.options, target.options);
  lacks('target_accelerator_missing', 'working accelerator', needs.accelerators, target.accelerators);
  properties('device', needs.devices, target.devices);
  properties('object', needs.objects, target.objects);
  lacks('target_chardev_missing', 'chardev', namesOf(needs.chardevs), target.chardevBackends);
  const parameters = needs.chardevs.flatMap((chardev) => chardev.properties);
  lacks('target_chardev_property_missing', 'chardev property', parameters, target.chardevParameters);
  lacks('target_netdev_missing', 'netdev', namesOf(needs.netdevs), target.netdevTypes);
  lacks('target_block_driver_missing', 'block driver', needs.blockDrivers, target.blockDrivers);
  const { machine } = needs;
  const type = machine === null ? undefined : target.machineTypes.get(machine.name);
  if (machine !== null && type === undefined) {
    say('target_machine_missing', `the target has no machine type ${machine.name}`);
  } else if (machine !== null) {
    properties('machine', [machine], target.machines);
    if (type?.deprecated) {
      const soon = 'plan a cold restart with a newer machine type: a later build will not have this one';
      say(
        'target_machine_deprecated',
        `machine type ${machine.name} is deprecated in the target`,
        'warn',
        soon,
      );
    }
  }
  return findings;
}

function namesOf(things: readonly Named[]): readonly string[] {
  return things.map(({ name }) => name);
}
