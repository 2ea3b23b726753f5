/** An upgrade under way: one block of lines that changes on a terminal, a line for each step elsewhere. */

import type { Upgrade } from '../client/index.js';
import { type Context, TimedOut } from './context.js';
import { CommandError } from './exit-codes.js';
import type { LiveBlock } from './output/live-block.js';
import { colourOf, safe } from './output/style.js';
import { formatMs } from './quantities.js';
import { hasEnded, watchUpgrade } from './upgrade-watch.js';

type Phase = Upgrade['phases'][number];

const MARKS: Readonly<Record<string, string>> = { done: '✓', failed: '✗', undone: '↶', 'undo-failed': '✗' };
const REDRAW_MS = 100;

/** Resolves with an upgrade that has succeeded, having shown how it went. */
export async function showUpgrade(
  context: Context,
  { id, name }: { readonly id: string; readonly name: string },
) {
  const { out, json, client, signal } = context;
  const progress = json ? null : out.isTerminal ? new Block(context, name) : new Lines(context, name);
  try {
    const upgrade = await watchUpgrade(client, id, {
      signal,
      onChange: (document) =>
        progress === null ? out.line(JSON.stringify(document)) : progress.show(document),
      onLost: (reason) => {
        if (progress === null) out.note(`connection lost (${reason}), coming back`);
        else progress.lost(reason);
      },
    });
    progress?.end();
    if (!json) out.lines(verdict(context, upgrade, name));
    requireUpgraded(upgrade, name);
  } catch (error) {
    progress?.end();
    if (error instanceof TimedOut) {
      const message = `the upgrade of ${name} has not ended in time, and goes on`;
      throw new CommandError('timeout', message, [`baton upgrade watch ${id}`]);
    }
    if (error === signal.reason) out.note(`the upgrade goes on: baton upgrade watch ${id}`);
    throw error;
  }
}

/** The last words. */
export function verdict({ out }: Pick<Context, 'out'>, upgrade: Upgrade, name: string): string[] {
  const { state, pauseMs, reason, targetBuild, sourceBuild, restoredGeneration } = upgrade;
  const pause = pauseMs === null ? '' : `; its guest stood still for ${formatMs(pauseMs)}`;
  if (state === 'succeeded') return [`${out.paint('green', '✓')} ${name} runs on ${targetBuild}${pause}.`];
  const where =
    state === 'failed'
      ? ''
      : restoredGeneration === null
        ? `; it runs on ${sourceBuild} as before`
        : `; it was brought back on ${sourceBuild}`;
  const first = `${out.paint('red', '✗')} the upgrade of ${name} has ${words(state)}${where}.`;
  if (reason === null) return [first];
  const step = reason.step === null ? '' : ` (in ${reason.step})`;
  const output = reason.vmmOutput.map((line) => `    ${out.paint('dim', safe(line))}`);
  return [
    first,
    `  ${safe(reason.message)}${step}`,
    ...(output.length === 0 ? [] : ['  The VMM wrote:', ...output]),
    `  ${out.paint('cyan', '→')} ${safe(reason.remedy)}`,
  ];
}

function words(state: Upgrade['state']): string {
  return (
    { 'rolled-back': 'gone back', cancelled: 'been cancelled', failed: 'failed' }[state as string] ?? state
  );
}

export function requireUpgraded({ state, reason }: Upgrade, name: string): void {
  if (state === 'succeeded') return;
  const hints = reason?.code === 'preflight_blocked' ? [`baton preflight ${name}`] : [];
  throw new CommandError(
    'failed',
    `the upgrade of ${name} has ${words(state)}: ${reason?.code ?? state}`,
    hints,
  );
}

class Lines {
  readonly #context: Context;
  readonly #name: string;
  readonly #told = new Set<string>();

  constructor(context: Context, name: string) {
    this.#context = context;
    this.#name = name;
  }

  show(upgrade: Upgrade): void {
    this.#once('way', `${upgrade.sourceBuild} → ${upgrade.targetBuild}`);
    for (const [index, { name, result, durationMs }] of upgrade.phases.entries()) {
      const time = durationMs === null ? '' : ` in ${formatMs(durationMs)}`;
      if (result !== null) this.#once(`${index} ${result}`, `${name} ${result}${time}`);
      if (index === 0 && isChosen(upgrade)) this.#once('mode', modeOf(upgrade));
    }
  }

  #once(key: string, words: string): void {
    if (!this.#told.has(key)) this.#context.out.line(`${this.#name}: ${words}`);
    this.#told.add(key);
  }

  lost(reason: string): void {
    this.#context.out.note(`connection lost (${reason}), coming back`);
  }

  end(): void {}
}

class Block {
  readonly #context: Context;
  readonly #name: string;
  readonly #block: LiveBlock;
  readonly #timer: NodeJS.Timeout;
  #upgrade: Upgrade | null = null;
  #lost: string | null = null;

  constructor(context: Context, name: string) {
    this.#context = context;
    this.#name = name;
    this.#block = context.out.block();
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS).unref();
  }

  show(upgrade: Upgrade): void {
    this.#upgrade = upgrade;
    this.#lost = null;
    this.#draw();
  }

  lost(reason: string): void {
    this.#lost = reason;
    this.#draw();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#lost = null;
    this.#draw();
  }

  #draw(): void {
    const upgrade = this.#upgrade;
    if (upgrade === null) return;
    const { out } = this.#context;
    const lines = [
      `${out.paint('bold', this.#name)}: ${upgrade.sourceBuild} → ${upgrade.targetBuild}`,
      ...(isChosen(upgrade) ? [`  ${modeOf(upgrade)}`] : []),
      ...upgrade.phases.map((phase) => this.#phase(phase)),
    ];
    if (!hasEnded(upgrade)) lines.push(`  ${out.state(upgrade.state)}`);
    if (this.#lost !== null)
      lines.push(out.paint('yellow', `  connection lost (${this.#lost}), coming back`));
    this.#block.draw(lines);
  }

  #phase({ name, result, durationMs, startedAt }: Phase): string {
    const { out } = this.#context;
    const colour = colourOf(result ?? 'pending') ?? 'gray';
    const mark = out.paint(colour, MARKS[result ?? ''] ?? '·');
    const ms = durationMs ?? Math.max(0, out.nowMs() - Date.parse(startedAt));
    const time = result === null && ms < REDRAW_MS ? '' : formatMs(ms);
    return `  ${mark} ${name.padEnd(20)} ${out.paint('dim', time.padStart(10))}`;
  }
}

/** Before, its mode is only what was asked for. */
function isChosen({ state }: Upgrade): boolean {
  return state !== 'pending' && state !== 'preflight';
}

function modeOf({ mode, modeReason }: Upgrade): string {
  return `by ${mode}: ${safe(modeReason)}`;
}
