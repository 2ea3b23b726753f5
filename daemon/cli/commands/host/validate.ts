import { defineCommand } from '../../command.js';
import { CommandError } from '../../exit-codes.js';
import { colourOf, safe } from '../../output/style.js';

const WORDS: Readonly<Record<string, string>> = { ok: 'good', info: 'note', warn: 'warning', block: 'bad' };

export const command = defineCommand({
  summary: 'Check whether this host can do all that Baton does',
  description:
    'Checks the host: what its kernel offers, room, limits, accelerators, files. Each check says what would help. Ends with 1 if something is in the way.',
  examples: [['baton host validate', 'before the first machine']],
  async run({ client, out, json }) {
    const report = await client.host.validate();
    if (json) out.json(report);
    else {
      const width = Math.max(...Object.values(WORDS).map(({ length }) => length));
      for (const { severity, sentence, remedy } of report.checks) {
        const word = (WORDS[severity] ?? severity).padEnd(width);
        out.line(`${out.paint(colourOf(severity) ?? 'gray', word)}  ${safe(sentence)}`);
        if (severity !== 'ok' && remedy)
          out.line(`${' '.repeat(width)}  ${out.paint('cyan', '→')} ${safe(remedy)}`);
      }
    }
    const bad = report.checks.filter(({ severity }) => severity === 'block').map(({ code }) => code);
    if (bad.length > 0) throw new CommandError('failed', `this host is not ready: ${bad.join(', ')}`);
  },
});
