import { defineCommand } from '../../command.js';
import { requireGo, showPreflight } from '../../preflight-report.js';
import { upgradeOptions, upgradeRequest } from '../../upgrade-options.js';
import { showUpgrade } from '../../upgrade-progress.js';
import { flag, machineArgument, noWait } from '../../words.js';

export const command = defineCommand({
  summary: 'Upgrade a running machine, and show how it goes',
  description:
    'Moves a running machine to a new VMM process. Everything is checked before anything is touched; any failure before the commit leaves the guest running where it was. Ctrl-C stops the showing, not the upgrade. With --json a document is printed whenever it changes, one a line.',
  args: { machine: machineArgument },
  options: {
    ...upgradeOptions,
    dryRun: flag('--dry-run', 'Only look, as baton preflight does'),
    wait: noWait,
  },
  examples: [
    ['baton upgrade start web1', 'to the build that it would start on'],
    ['baton upgrade start db1 --to qemu-11.1', 'to this one'],
    [
      'baton upgrade start db1 --to qemu-11.1 --mode cpr-exec --timeout 2m',
      'in this way, and wait two minutes at most',
    ],
  ],
  async run(context, { machine }, options) {
    const { client, out, json, signal } = context;
    const request = await upgradeRequest(client, options);
    if (options.dryRun) {
      const report = await client.machines.preflight(machine, request, signal);
      if (json) out.json(report);
      else showPreflight(out, report, machine);
      return requireGo(report, machine);
    }
    const operation = await client.machines.upgrade(machine, request);
    if (options.wait) return showUpgrade(context, { id: operation.id, name: machine });
    if (json) out.json(operation);
    else out.line(`${machine}: the upgrade was begun: baton upgrade watch ${operation.id}`);
  },
});
