import type { NewMachine } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import { parseText, readText } from '../../document-file.js';
import { usageError } from '../../exit-codes.js';
import { endOf } from '../../following.js';
import { keyValues } from '../../key-values.js';
import { documentOf } from '../../machine-document.js';
import { absolute } from '../../paths.js';
import { resolveBuild } from '../../resolving.js';
import { flag, integer, maybe, memory, several, text } from '../../words.js';

const FILES = { completion: 'files' } as const;

export const command = defineCommand({
  summary: 'Create a machine, from a file or from options',
  description:
    'Creates a machine from a document (YAML or JSON), from options, or from both: options replace members of the document. It is not started, unless --start is given.',
  args: { name: maybe('What it shall be called; the document may say it too') },
  options: {
    file: text('-f, --file <file>', 'Its document; - is the standard input', FILES),
    memory: memory('-m, --memory <size>', 'Guest memory, such as 512M or 2G'),
    vcpus: integer('--vcpus <count>', 'Virtual CPUs', 1),
    kernel: text('--kernel <file>', 'Kernel; without one the firmware boots the first disk', FILES),
    initrd: text('--initrd <file>', 'Initial RAM disk', FILES),
    commandLine: text('--command-line <text>', "The kernel's command line"),
    firmware: text('--firmware <file>', 'Firmware image', FILES),
    disk: several(
      text(
        '--disk <file|members>',
        'A disk: a file, or path=FILE,format=qcow2,bus=virtio,readOnly=true',
        FILES,
      ),
    ),
    nic: several(
      text(
        '--nic <kind|members>',
        'A network card: user, none, kind=tap,interface=tap0 or kind=stream,path=SOCKET',
      ),
    ),
    architecture: text('--architecture <name>', 'Of the guest, such as x86_64 or riscv64'),
    machineType: text('--machine-type <type>', "In QEMU's words"),
    accelerator: text('--accelerator <name>', 'kvm or tcg'),
    cpu: text('--cpu <model>', "Model and features in QEMU's words"),
    display: text('--display <kind>', 'vnc: a screen on a unix socket'),
    guestAgent: flag('--guest-agent', 'Give the guest a port for qemu-guest-agent'),
    extraArgument: several(
      text('--extra-argument <text>', "Added to the VMM's command line; may be repeated"),
    ),
    label: several(
      text('--label <name=value>', 'A name and value of your own, to find it by; may be repeated'),
    ),
    build: text('--build <build>', 'Its default build', { completion: 'builds' }),
    dryRun: flag('--dry-run', 'Check everything and create nothing'),
    start: flag('--start', 'Start it at once, and wait until it runs'),
  },
  examples: [
    ['baton machine create web1 -m 512M --kernel Image --disk web1.img', 'from options'],
    ['baton machine create -f web1.yaml', 'from a file'],
    ['baton machine create web2 -f web1.yaml -m 1G --start', 'as that file, but larger, and start it'],
  ],
  async run(context, { name }, options) {
    const { client, out, json, input } = context;
    const { file, build, dryRun, start } = options;
    const written =
      file === undefined ? {} : parseText(await readText(file, input), file === '-' ? 'the input' : file);
    const document = {
      ...written,
      ...fromOptions(options),
      ...(name === undefined ? {} : { name }),
      ...(build === undefined ? {} : { build: (await resolveBuild(client, build)).id }),
    } as Partial<NewMachine>;
    if (document.name === undefined)
      throw usageError('expected a name for the machine, got none', 'baton machine create --help');
    if (document.memoryMiB === undefined) {
      throw usageError(
        'expected the memory of the machine, got none',
        `baton machine create ${document.name} --memory 512M …`,
      );
    }
    const machine = await client.machines.create(document as NewMachine, dryRun ? { dryRun } : {});
    if (json) out.json(machine);
    else if (dryRun) {
      const { stringify } = await import('yaml');
      out.note('Nothing was created. It would be:');
      out.stdout.write(stringify(documentOf(machine)));
    } else out.line(`${machine.name} is created.`);
    if (!start || dryRun) return;
    await endOf(context, await client.machines.act(machine.id, 'start'), machine.name, json);
    if (!json) out.line(`${machine.name} runs.`);
  },
});

type Given = Readonly<Record<string, unknown>>;

function fromOptions(options: Given): Given {
  const plain = ['vcpus', 'commandLine', 'architecture', 'machineType', 'accelerator', 'cpu'];
  const files = ['kernel', 'initrd', 'firmware'];
  const given = (names: readonly string[]) => names.filter((name) => options[name] !== undefined);
  return {
    ...Object.fromEntries(given(plain).map((name) => [name, options[name]])),
    ...Object.fromEntries(given(files).map((name) => [name, absolute(options[name] as string)])),
    ...(options.memory === undefined ? {} : { memoryMiB: options.memory }),
    ...(options.disk === undefined ? {} : { disks: (options.disk as string[]).map(diskOf) }),
    ...(options.nic === undefined ? {} : { nics: (options.nic as string[]).map(nicOf) }),
    ...(options.label === undefined ? {} : { labels: labelsOf(options.label as string[]) }),
    ...(options.display === undefined ? {} : { display: { kind: options.display } }),
    ...(options.guestAgent ? { guestAgent: true } : {}),
    ...(options.extraArgument === undefined ? {} : { extraArguments: options.extraArgument }),
  };
}

function labelsOf(texts: readonly string[]): Given {
  return Object.fromEntries(
    texts.map((text) => {
      const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
      if (name === undefined) throw usageError(`expected --label to be NAME=VALUE, got ${text}`);
      return [name, value];
    }),
  );
}

function diskOf(text: string): Given {
  const disk = text.includes('=') ? keyValues('--disk', text) : { path: text };
  return typeof disk.path === 'string' ? { ...disk, path: absolute(disk.path) } : disk;
}

function nicOf(text: string): Given {
  const nic = text.includes('=') ? keyValues('--nic', text) : { kind: text };
  return typeof nic.path === 'string' ? { ...nic, path: absolute(nic.path) } : nic;
}
