import { defineCommand } from '../../command.js';
import { absolute } from '../../paths.js';
import { one } from '../../words.js';

export const command = defineCommand({
  summary: 'Take over a QEMU that somebody else started',
  description:
    'Takes a QEMU in by the socket of its QMP monitor, which no other client may use. It is not touched: it can be upgraded if nothing stands in the way, and let go again with baton machine release.',
  args: {
    name: one('What it shall be called'),
    qmpSocket: one('Unix socket of its QMP monitor', { completion: 'files' }),
  },
  examples: [['baton machine adopt old1 /run/old1/qmp.sock', 'take it in as old1']],
  async run({ client, out, json }, { name, qmpSocket }) {
    const machine = await client.machines.adopt({ name, qmpSocket: absolute(qmpSocket) });
    if (json) out.json(machine);
    else out.line(`${machine.name} is adopted: ${machine.state}, on ${machine.build}.`);
  },
});
