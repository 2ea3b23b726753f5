/**
 * Follows one upgrade to its end. The upgrade's document is the truth, and is complete whenever it is read; events only
 * say when to read it again. So nothing is missed when the connection breaks or the daemon restarts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type BatonClient, ProblemError, type Upgrade } from '../client/index.js';

const ENDS = ['succeeded', 'rolled-back', 'failed', 'cancelled'];
/** Also without an event, now and then. */
const LOOK_MS = 2_000;

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** Called with each document that differs from the one before. */
  readonly onChange: (upgrade: Upgrade) => void;
  readonly onLost: (reason: string) => void;
}

export function hasEnded({ state }: Pick<Upgrade, 'state'>): boolean {
  return ENDS.includes(state);
}

/** Resolves with the document of the upgrade that has ended. */
export async function watchUpgrade(client: BatonClient, id: string, options: WatchOptions): Promise<Upgrade> {
  const { onChange } = options;
  const done = new AbortController();
  const signal = AbortSignal.any([options.signal, done.signal]);
  const bell = new Bell();
  const listening = listen(client, bell, { ...options, signal });
  try {
    let before = '';
    for (;;) {
      const upgrade = await client.upgrades.get(id);
      const text = JSON.stringify(upgrade);
      if (text !== before) onChange(upgrade);
      before = text;
      if (hasEnded(upgrade)) return upgrade;
      await bell.wait(LOOK_MS, signal);
      if (options.signal.aborted) throw options.signal.reason;
    }
  } finally {
    done.abort();
    await listening;
  }
}

/** Without events it is only looked at less often. */
async function listen(client: BatonClient, bell: Bell, { signal, onLost }: WatchOptions): Promise<void> {
  try {
    const onBack = () => bell.ring();
    for await (const _event of client.events.follow({ signal, onLost, onBack })) bell.ring();
  } catch (error) {
    if (!signal.aborted && !(error instanceof ProblemError)) onLost((error as Error).message);
  }
}

class Bell {
  #isRung = false;
  #answer: () => void = () => undefined;

  ring(): void {
    this.#isRung = true;
    this.#answer();
  }

  async wait(atMostMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isRung || signal.aborted) {
      this.#isRung = false;
      return;
    }
    const waiting = new AbortController();
    this.#answer = () => waiting.abort();
    const either = AbortSignal.any([signal, waiting.signal]);
    await delay(atMostMs, undefined, { signal: either }).catch(() => undefined);
    this.#isRung = false;
  }
}
