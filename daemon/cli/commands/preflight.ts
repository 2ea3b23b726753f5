import { defineCommand } from '../command.js';
import { requireGo, showPreflight } from '../preflight-report.js';
import { upgradeOptions, upgradeRequest } from '../upgrade-options.js';
import { flag, machineArgument } from '../words.js';

export const command = defineCommand({
  summary: 'Look whether an upgrade would go well',
  description:
    'Asks the running VMM, both binaries and the host, and rehearses the upgrade with two empty machines of the same shape. Changes nothing. Ends with 0 if it can go, else with 1.',
  args: { machine: machineArgument },
  options: { ...upgradeOptions, rehearse: flag('--no-rehearse', 'Do not try it with two empty machines') },
  examples: [
    ['baton preflight web1', 'to the build that it would start on'],
    ['baton preflight db1 --to qemu-11.1 --mode cpr-exec', 'to another one, in this way'],
  ],
  async run({ client, out, json, signal }, { machine }, options) {
    const request = await upgradeRequest(client, options);
    if (!json && out.isTerminal) out.note('looking; this can take some seconds');
    const report = await client.machines.preflight(
      machine,
      { ...request, ...(options.rehearse ? {} : { rehearse: false }) },
      signal,
    );
    if (json) out.json(report);
    else showPreflight(out, report, machine);
    requireGo(report, machine);
  },
});
