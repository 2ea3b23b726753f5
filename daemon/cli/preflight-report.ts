/** What preflight found, for people. */
import type { Preflight } from '../client/index.js';
import { CommandError } from './exit-codes.js';
import type { Output } from './output/output.js';
import { colourOf, safe } from './output/style.js';

type Finding = Preflight['findings'][number];

const SEVERITY_WORDS = { block: 'blocks', warn: 'warning', info: 'note' } as const;

export function showPreflight(out: Output, report: Preflight, name: string): void {
  const { verdict, build, mode, modeReason, findings } = report;
  out.line(`${name} to ${build}: ${out.state(verdict)}`);
  out.line(mode === null ? `  ${safe(modeReason)}` : `  by ${mode}: ${safe(modeReason)}`);
  out.lines(findings.flatMap((finding) => findingLines(out, finding)));
}

export function findingLines(out: Output, { severity, code, sentence, remedy }: Finding): string[] {
  const word = out.paint(colourOf(severity) ?? 'gray', SEVERITY_WORDS[severity]);
  return [
    `${word} ${safe(sentence)} (${code})`,
    ...(remedy === '' ? [] : [`  ${out.paint('cyan', '→')} ${safe(remedy)}`]),
  ];
}

export function requireGo({ verdict, findings }: Preflight, name: string): void {
  if (verdict === 'can-upgrade') return;
  const codes = findings.filter(({ severity }) => severity === 'block').map(({ code }) => code);
  const hints =
    verdict === 'needs-cold-restart' ? [`baton machine stop ${name} && baton machine start ${name}`] : [];
  throw new CommandError('failed', `${name} cannot be upgraded so: ${codes.join(', ') || verdict}`, hints);
}
