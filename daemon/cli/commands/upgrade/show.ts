import { defineCommand } from '../../command.js';
import { colourOf } from '../../output/style.js';
import { findingLines } from '../../preflight-report.js';
import { formatMs } from '../../quantities.js';
import { resolveUpgrade } from '../../resolving.js';
import { verdict } from '../../upgrade-progress.js';
import { hasEnded } from '../../upgrade-watch.js';
import { one } from '../../words.js';

export const command = defineCommand({
  summary: 'Show one upgrade with its steps',
  description:
    'Shows an upgrade: what was found beforehand, each step and how long it took, the pause, and why it went back.',
  args: { upgrade: one('Id of an upgrade, or a machine: its newest', { completion: 'upgrades' }) },
  examples: [['baton upgrade show web1', 'the newest upgrade of a machine']],
  async run({ client, out, json }, args) {
    const upgrade = await resolveUpgrade(client, args.upgrade);
    if (json) return out.json(upgrade);
    const { name } = await client.machines.get(upgrade.machine).catch(() => ({ name: upgrade.machine }));
    const { sourceGeneration, targetGeneration, sourceBuild, targetBuild, phases, findings, guest } = upgrade;
    out.card([
      ['id', upgrade.id],
      ['machine', name],
      ['state', out.state(upgrade.state)],
      ['mode', `${upgrade.mode}: ${upgrade.modeReason}`],
      ['from', `${sourceBuild} (generation ${sourceGeneration})`],
      ['to', `${targetBuild} (generation ${targetGeneration})`],
      ['pause', upgrade.pauseMs === null ? null : formatMs(upgrade.pauseMs)],
      ['begun', upgrade.createdAt],
      ['ended', upgrade.finishedAt],
      [
        'guest',
        guest.acts
          .map(({ act, result, detail }) => `${act} ${result ?? '…'}${detail === null ? '' : `: ${detail}`}`)
          .join('\n') || null,
      ],
    ]);
    out.line();
    out.table(
      phases,
      [
        { title: 'STEP', value: (phase) => phase.name },
        {
          title: 'RESULT',
          value: ({ result }) => result ?? 'under way',
          colour: ({ result }) => colourOf(result ?? ''),
        },
        {
          title: 'TOOK',
          value: ({ durationMs }) => (durationMs === null ? null : formatMs(durationMs)),
          align: 'right',
        },
      ],
      'Nothing was done yet.',
    );
    if (findings.length > 0) out.lines(['', ...findings.flatMap((finding) => findingLines(out, finding))]);
    if (hasEnded(upgrade)) out.lines(['', ...verdict({ out }, upgrade, name)]);
  },
});
