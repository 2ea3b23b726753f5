import { defineCommand } from '../../command.js';
import { throwFirst } from '../../following.js';
import { machinesArgument } from '../../words.js';

export const command = defineCommand({
  summary: 'Delete stopped machines',
  description: 'Forgets stopped machines, their logs included. Their disks stay.',
  args: { machines: machinesArgument },
  examples: [['baton machine delete web1', 'forget it']],
  async run(context, { machines }) {
    const failures: unknown[] = [];
    for (const machine of machines) {
      try {
        await context.client.machines.delete(machine);
        if (!context.json) context.out.line(`${machine} is deleted.`);
      } catch (error) {
        failures.push(error);
      }
    }
    await throwFirst(context, failures);
  },
});
