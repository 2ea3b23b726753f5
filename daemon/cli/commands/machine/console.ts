import type { ConsoleSession } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import type { Context } from '../../context.js';
import { DEFAULT_ESCAPE, escapeByte, untilEscape } from '../../escape-key.js';
import { RawTerminal, type Terminal } from '../../terminal.js';
import { flag, integer, machineArgument, text } from '../../words.js';

/** Raw terminals go to the beginning of the line only when they are told to. */
const tell = ({ out }: Context, words: string) => out.stderr.write(`\r\n[${words}]\r\n`);

export const command = defineCommand({
  summary: 'Use the serial console of a machine',
  description: `Connects the terminal with the serial console of a machine. ${DEFAULT_ESCAPE} (Ctrl and ]) leaves it; the machine runs on. It survives upgrades of the machine and restarts of the daemon: it goes on where it was, no byte is lost or doubled. Without a terminal what is read from the input is typed, and the console is left at its end.`,
  args: { machine: machineArgument },
  options: {
    escape: text(
      '-e, --escape <key>',
      `The key that leaves it, such as ^A; none (default: ${DEFAULT_ESCAPE})`,
    ),
    tail: integer('--tail <bytes>', 'So much of what was written before comes first (default: 65536)'),
    readonly: flag('-r, --readonly', 'Only look'),
  },
  examples: [
    ['baton machine console web1', 'use it'],
    ['baton machine console web1 --readonly --tail 0', 'only look at what comes'],
  ],
  async run(context, args, { escape: key = DEFAULT_ESCAPE, tail, readonly }) {
    const { client, out, input, signal } = context;
    const escapeWith = escapeByte(key);
    const { id, name, state } = await client.machines.get(args.machine);
    const isTerminal = input.isTTY === true;
    const leaves = escapeWith === null ? 'no key leaves it' : `${key} leaves it`;
    const session = client.console({
      ...{ machine: id, readonly, signal },
      ...(tail === undefined ? {} : { tail }),
      onOpen: () => isTerminal && tell(context, `connected to ${name}, which is ${state}; ${leaves}`),
      onBytes: (bytes) => out.stdout.write(bytes),
      onGeneration: (generation) => tell(context, `${name} goes on in generation ${generation}`),
      onInputDropped: (bytes) => tell(context, `nothing runs ${name}: ${bytes} bytes were not typed`),
      onLost: () => tell(context, 'connection lost, coming back'),
      onBack: () => tell(context, 'connected again'),
    });
    const terminal = isTerminal ? new RawTerminal(input as unknown as Terminal) : null;
    terminal?.enter();
    try {
      type(context, session, { key: isTerminal ? escapeWith : null, readonly });
      await session.run();
    } finally {
      terminal?.leave();
      input.pause();
      if (isTerminal) out.stderr.write('\r\n');
    }
    if (signal.aborted) throw signal.reason;
  },
});

interface Typing {
  readonly key: number | null;
  readonly readonly: boolean;
}

function type({ input }: Context, session: ConsoleSession, { key, readonly }: Typing): void {
  if (readonly && input.isTTY !== true) return;
  input.on('data', (typed: Buffer) => {
    const { text, left } = untilEscape(typed, key);
    if (text.length > 0 && !readonly) session.write(text);
    if (left) session.close();
  });
  input.on('end', () => session.finish());
}
