/** What is said of options and objects is what their readers take. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OPTION_GROUPS, type OptionParameter } from '../../../vmm/options/option-groups.js';
import { parseOptions } from '../../../vmm/options/options.js';
import { findType, isA, propertiesOfType, QOM_TYPES } from '../../../vmm/qmp/object-types.js';

const test = suite('what options and objects say of themselves');

/** A value that each property of that name can have. */
const VALUES: Readonly<Record<string, string>> = {
  type: 'virt',
  aia: 'none',
  aclint: 'off',
  mux: 'off',
  merge: 'off',
  hugetlb: 'off',
  seal: 'off',
  backend: 'socket',
  mode: 'control',
  driver: 'migration',
  property: 'x-events',
  reboot: 'reset',
  shutdown: 'pause',
  panic: 'shutdown',
  watchdog: 'reset',
  thread: 'single',
  filename: '/dev/zero',
};
const OF_TYPE = { string: 'x', boolean: 'on', bool: 'on', number: '1', size: '64M', int: '64M' };
const sampleOf = (name: string, type: string) => VALUES[name] ?? OF_TYPE[type as 'string'] ?? 'x';

/** The option of a group, what must come with it, and what else must be there. */
const CARRIERS: Readonly<Record<string, readonly [option: string, start: string]>> = {
  machine: ['-machine', 'virt'],
  'smp-opts': ['-smp', ''],
  memory: ['-m', ''],
  mon: ['-mon', 'chardev=x'],
  global: ['-global', 'driver=migration,property=x-events,value=on'],
  name: ['-name', 'x'],
  action: ['-action', ''],
};

/** Refused for what it says, or for a property that is not known. */
function complaint(args: readonly string[]): string {
  try {
    parseOptions(args);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const isKnown = (args: readonly string[], name: string) =>
  assert.not.match(complaint(args), `unknown parameter '${name}'`);

for (const { option, parameters } of OPTION_GROUPS.filter(({ option }) => Object.hasOwn(CARRIERS, option))) {
  test(`-${option}: each property that is listed is taken`, () => {
    const [name, start] = CARRIERS[option] as readonly [string, string];
    for (const parameter of parameters) {
      const text = [start, `${parameter.name}=${sampleOf(parameter.name, parameter.type)}`];
      isKnown([name, text.filter((part) => part !== '').join(',')], parameter.name);
    }
    assert.match(complaint([name, `${start || 'x=1'},nonsense=1`]), /unknown parameter '(x|nonsense)'/);
  });
}

test('-chardev: each property that is listed is one of some backend', () => {
  const chardev = OPTION_GROUPS.find(({ option }) => option === 'chardev');
  const backends = [
    'socket,id=x,path=/x',
    'socket,id=x,path=/x,server=on',
    'file,id=x,path=/x',
    'stdio,id=x',
  ];
  for (const { name, type } of (chardev?.parameters ?? []) as readonly OptionParameter[]) {
    const complaints = backends.map((start) =>
      complaint(['-chardev', `${start},${name}=${sampleOf(name, type)}`]),
    );
    assert.ok(
      complaints.some((text) => !text.includes(`unknown parameter '${name}'`)),
      name,
    );
  }
});

for (const type of QOM_TYPES.filter((candidate) => !candidate.abstract && isA(candidate, 'user-creatable'))) {
  test(`${type.name}: -object takes each property that is listed`, () => {
    const needed = isA(type, 'memory-backend') ? ',size=64M,mem-path=/x' : '';
    for (const { name, type: kind } of propertiesOfType(type).filter(
      (property) => property.name !== 'type',
    )) {
      isKnown(['-object', `${type.name},id=x${needed},${name}=${sampleOf(name, kind)}`], name);
    }
  });
}

test('virt: -machine takes each property that is listed', () => {
  for (const { name, type } of propertiesOfType(findType('virt-machine') ?? { name: '' }).slice(1)) {
    isKnown(['-machine', `virt,${name}=${sampleOf(name, type)}`], name);
  }
});

test('every parent is there', () => {
  for (const { name, parent } of QOM_TYPES) {
    if (parent !== undefined) assert.ok(findType(parent), `${parent} of ${name}`);
  }
});

test.run();
