import type { Event } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import { type Context, TimedOut } from '../../context.js';
import { CommandError } from '../../exit-codes.js';
import { safe } from '../../output/style.js';
import { formatTime } from '../../quantities.js';
import { integer, text } from '../../words.js';

export const command = defineCommand({
  summary: 'Show what happens, as it happens',
  description:
    'Shows events until Ctrl-C: each once and in order. When the connection breaks or the daemon restarts, it goes on after the last one shown. With --timeout it ends with 0 when that is over, or with --count with 7. Ends with 4 when what it would go on with is no longer kept.',
  options: {
    after: integer('--after <sequence>', 'Begin after this one; 0: with the oldest that is kept'),
    type: text('--type <types>', 'These types, separated by commas; baton.upgrade.* is all of upgrades'),
    machine: text('--machine <machine>', 'Those about this machine', { completion: 'machines' }),
    count: integer('--count <number>', 'End after so many', 1),
  },
  examples: [
    ['baton event watch', 'from now on'],
    ['baton event watch --after 0 --machine web1', 'all that is known of one machine, and on'],
    ['baton event watch --json | jq .type', 'for a script: one document a line'],
  ],
  async run(context, _args, { after, type, machine, count }) {
    const { client, out, json, signal } = context;
    let left = count ?? Infinity;
    const events = client.events.follow({
      ...(after === undefined ? {} : { after }),
      ...(type === undefined ? {} : { type }),
      ...(machine === undefined ? {} : { machine: (await client.machines.get(machine)).id }),
      signal,
      onLost: (reason) => out.note(`connection lost (${reason}), coming back`),
      onBack: () => out.note('connected again'),
    });
    for await (const event of events) {
      if (json) out.line(JSON.stringify(event));
      else out.line(lineOf(context, event));
      left--;
      if (left === 0) return;
    }
    if (!(signal.reason instanceof TimedOut)) throw signal.reason;
    if (count !== undefined)
      throw new CommandError('timeout', `only ${count - left} of ${count} events came in time`);
  },
});

function lineOf({ out }: Context, { seq, time, type, subject, data, requester }: Event): string {
  const members = Object.entries((data ?? {}) as Record<string, unknown>)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`);
  const by = requester === 'daemon:batond' ? '' : out.paint('dim', ` by ${requester}`);
  const head = `${out.paint('dim', `${seq} ${formatTime(time)}`)} ${out.paint('cyan', type.replace(/^baton\./, ''))}`;
  return `${head} ${subject} ${safe(members.join(' '))}${by}`;
}
