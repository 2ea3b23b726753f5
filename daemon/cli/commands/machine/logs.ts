import { defineCommand } from '../../command.js';
import { CommandError, usageError } from '../../exit-codes.js';
import { flag, integer, machineArgument } from '../../words.js';

export const command = defineCommand({
  summary: 'Show what the VMM of a machine wrote, or its guest',
  description:
    'Shows the end of what the VMM process wrote itself, or with --console of what the guest wrote to its serial console. With --follow the console goes on, through upgrades, until Ctrl-C.',
  args: { machine: machineArgument },
  options: {
    console: flag('--console', "The guest's console, not the VMM's own words"),
    follow: flag('-F, --follow', 'Go on with what the guest writes; with --console'),
    generation: integer(
      '--generation <number>',
      'Of this instance; else the one that runs it, or ran it last',
      1,
    ),
  },
  examples: [
    ['baton machine logs web1', 'why the VMM did not start'],
    ['baton machine logs web1 --console --generation 2', 'what the guest wrote in its second process'],
    ['baton machine logs web1 --console --follow', 'what it writes now'],
  ],
  async run({ client, out, signal }, args, { console, follow, generation }) {
    if (follow && (!console || generation !== undefined)) {
      throw usageError('expected --follow with --console and without --generation');
    }
    const machine = await client.machines.get(args.machine);
    if (follow) {
      const session = client.console({
        ...{ machine: machine.id, readonly: true, signal },
        onBytes: (bytes) => out.stdout.write(bytes),
        onLost: (reason) => out.note(`connection lost (${reason}), coming back`),
      });
      await session.run();
      throw signal.reason;
    }
    const number = generation ?? machine.generation;
    if (number === null) {
      throw new CommandError('notFound', `${machine.name} was never started`, [
        `baton machine start ${machine.name}`,
      ]);
    }
    const { machines } = client;
    const text = await (console
      ? machines.consoleText(machine.id, number)
      : machines.log(machine.id, number));
    out.stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
  },
});
