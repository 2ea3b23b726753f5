/** The look at a source, against a monitor that answers from a table and remembers its mode. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QmpCommandError } from '../../../daemon/instance/qmp-errors.js';
import type { RunningInstance } from '../../../daemon/instance/running-instance.js';
import { askSource } from '../../../daemon/preflight/source-facts.js';
import { sourceFindings, sourceModeFindings } from '../../../daemon/preflight/source-findings.js';

interface Told {
  readonly modes: string[];
  readonly source: RunningInstance;
}

function sourceThat(
  answers: Record<string, unknown>,
  onMode: (mode: string) => void = () => undefined,
): Told {
  const modes: string[] = [];
  const execute = async (command: string, args: { mode?: string }, { signal }: { signal?: AbortSignal }) => {
    signal?.throwIfAborted();
    if (command === 'migrate-set-parameters') {
      modes.push(args.mode ?? '');
      onMode(args.mode ?? '');
      return {};
    }
    if (command === 'query-migrate') {
      const reasons = modes.at(-1) === 'cpr-transfer' ? { 'blocked-reasons': ['private memory'] } : {};
      return { ...reasons, ...(answers[command] as object | undefined) };
    }
    if (answers[command] === undefined) throw new QmpCommandError(command, 'CommandNotFound', 'unknown');
    return answers[command];
  };
  const source = {
    hasEnded: false,
    isAnswering: true,
    gone: new AbortController().signal,
    qmp: { execute: (command: string, args: object, options = {}) => execute(command, args, options) },
    queryStatus: async () => ({ running: true, status: 'running' }),
  } as unknown as RunningInstance;
  return { modes, source };
}

const never = new AbortController().signal;
const test = suite('look at a source');

test('each mode is set for its question, cpr-transfer in place of the mode that keeps silent', async () => {
  const { modes, source } = sourceThat({});
  const { blocked } = await askSource(source, ['cpr-transfer', 'cpr-exec', 'cpr-reboot'], never);
  assert.equal(modes, ['cpr-transfer', 'cpr-transfer', 'cpr-reboot', 'normal']);
  assert.equal([...blocked.values()], [['private memory'], ['private memory'], []]);
});

test('the mode is set back also when the look is called off in the middle', async () => {
  const ending = new AbortController();
  const { modes, source } = sourceThat({}, () => ending.abort(new Error('enough')));
  const ended = await askSource(source, ['cpr-transfer'], ending.signal).catch((error) => error);
  assert.is(ended.message, 'enough');
  assert.equal(modes, ['cpr-transfer', 'normal']);
});

test('a source that migrates keeps its mode', async () => {
  const { modes, source } = sourceThat({ 'query-migrate': { status: 'active' } });
  const facts = await askSource(source, ['cpr-transfer'], never);
  assert.equal(modes, []);
  assert.equal(
    sourceFindings(facts, true).map(({ code, severity }) => [code, severity]),
    [['source_not_ready', 'block']],
  );
});

test('a question that the VMM does not know is left open, and blocks nothing', async () => {
  const { source } = sourceThat({});
  const facts = await askSource(source, ['cpr-reboot'], never);
  assert.equal([facts.memory, facts.sharesAuxMemory, facts.typesInUse], [null, null, null]);
  assert.equal([...sourceFindings(facts, true), ...sourceModeFindings(facts, 'cpr-reboot')], []);
});

test('private memory is in the way of every mode that leaves it where it is', async () => {
  const { source } = sourceThat({ 'query-memdev': [{ id: 'ram0', share: false }], 'qom-get': false });
  const facts = await askSource(source, [], never);
  const codes = (['cpr-transfer', 'cpr-exec', 'cpr-reboot'] as const).map((mode) =>
    sourceModeFindings(facts, mode).map(({ code }) => code),
  );
  const both = ['memory_not_shared', 'aux_memory_not_shared'];
  assert.equal(codes, [both, both, []]);
});

test('a guest that was paused by others, and one whose way back needs a resume', async () => {
  const { source } = sourceThat({});
  const facts = await askSource(source, [], never);
  assert.match(
    sourceFindings(facts, false)[0]?.sentence ?? '',
    /expected the source to be paused, but it is/,
  );
  const late = { ...facts, status: { running: false, status: 'postmigrate' } };
  assert.match(sourceFindings(late, false)[0]?.remedy ?? '', /resume the machine once/);
});

test.run();
