/** What went wrong, as a sentence, and the command that helps. */
import { type BatonClient, LocationError, ProblemError, UnreachableError } from '../client/index.js';
import { CommandError, EXIT_CODES, exitOf } from './exit-codes.js';
import { nearest } from './nearest.js';
import type { Output } from './output/output.js';
import { safe } from './output/style.js';

interface Surroundings {
  readonly out: Output;
  readonly json: boolean;
  readonly client: BatonClient | null;
  readonly asked: Asked;
}

/** What the command line named. */
export interface Asked {
  readonly machines: readonly string[];
  readonly builds: readonly string[];
}

/** Commands by the code of a problem. */
const HELPING: Readonly<Record<string, readonly string[]>> = {
  machine_not_found: ['baton machine list'],
  build_not_found: ['baton build list'],
  build_in_use: ['baton machine list --build <build>'],
  build_changed: ['baton build add <kind> <path>'],
  operation_not_found: ['baton operation list'],
  upgrade_not_found: ['baton upgrade list'],
  instance_not_found: ['baton machine show <machine>'],
  operation_in_progress: ['baton operation list --state running'],
  upgrade_in_progress: ['baton upgrade watch <machine>'],
  wrong_state: ['baton machine show <machine>'],
  machine_name_taken: ['baton machine list'],
  events_gone: ['baton machine list', 'baton event watch'],
  unauthenticated: ['baton --token-file <file> …, or BATON_TOKEN_FILE'],
  vmm_start_failed: ['baton machine logs <machine>'],
  vmm_failed: ['baton machine logs <machine>'],
  mode_not_supported: ['baton preflight <machine>'],
  not_cancellable: ['baton operation list'],
  precondition_failed: ['baton machine show <machine>'],
  route_not_found: ['baton host info'],
};

export async function report(error: unknown, { out, json, client, asked }: Surroundings): Promise<void> {
  const exit = exitOf(error);
  const message = error instanceof Error ? error.message : String(error);
  const hints = await hintsFor(error, client, asked);
  if (json) {
    const problem = error instanceof ProblemError ? error.problem : null;
    const document = { error: { message, exit, exitCode: EXIT_CODES[exit].code, problem, hints } };
    out.stderr.write(`${JSON.stringify(document)}\n`);
    return;
  }
  out.error(safe(message));
  for (const hint of hints) out.note(`  ${hint}`);
  const isOurs = !(error instanceof CommandError) && exit === 'failed' && !(error instanceof ProblemError);
  if (isOurs && error instanceof Error) out.note(error.stack ?? '');
}

async function hintsFor(
  error: unknown,
  client: BatonClient | null,
  asked: Asked,
): Promise<readonly string[]> {
  if (error instanceof CommandError) return error.hints;
  if (error instanceof UnreachableError) return unreachable(error);
  if (error instanceof LocationError) return ['baton --host unix:/run/baton/batond.sock …'];
  if (!(error instanceof ProblemError)) return [];
  const likely = client === null ? null : await nearest(error.code, asked, client).catch(() => null);
  const commands = helpFor(error.code, asked.machines.length === 1 ? asked.machines[0] : undefined);
  return [...(likely === null ? [] : [`did you mean ${likely}?`]), ...commands];
}

/** Commands that help with what this code stands for. */
export function helpFor(code: string, machine?: string): readonly string[] {
  const commands = HELPING[code] ?? [];
  return machine === undefined ? commands : commands.map((command) => command.replace('<machine>', machine));
}

function unreachable({ location, reason }: UnreachableError): string[] {
  if (location.kind === 'unix') {
    const { path } = location;
    if (reason === 'EACCES' || reason === 'EPERM') {
      return [`you may not use ${path}: become a member of its group`, `ls -l ${path}`];
    }
    const what = reason === 'ENOENT' ? `there is no socket ${path}` : `nobody listens on ${path}`;
    return [
      `${what}: is batond running?`,
      'systemctl status batond',
      'baton --host <where> …, or BATON_HOST, for another socket',
    ];
  }
  if (/CERT|SELF_SIGNED|ISSUER|SIGNATURE|ALTNAME/.test(reason)) {
    return ['its certificate is not trusted: give its authority with --ca <file>, or BATON_CA'];
  }
  return [`is batond running there, and does it listen on port ${location.port}?`];
}
