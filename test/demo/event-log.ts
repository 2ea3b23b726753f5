/** Everything that the daemon told over its WebSocket, in order. */
import { waitFor } from '../helpers/wait.js';
import type { DaemonClient, DaemonEvent } from './daemon-client.js';

const EVENT_DEADLINE_MS = 5_000;

export class EventLog {
  readonly events: readonly DaemonEvent[];
  readonly #close: () => void;

  private constructor(events: readonly DaemonEvent[], close: () => void) {
    this.events = events;
    this.#close = close;
  }

  /** From the first event that the daemon has kept. */
  static async follow(client: DaemonClient): Promise<EventLog> {
    const events: DaemonEvent[] = [];
    const { close } = await client.follow(0, (event) => events.push(event));
    return new EventLog(events, close);
  }

  /** The numbering has no gaps: a missing number is a lost event. */
  get hasGaps(): boolean {
    return this.events.some(({ seq }, index) => seq !== (this.events[0]?.seq ?? 0) + index);
  }

  get lastSeq(): number {
    return this.events.at(-1)?.seq ?? 0;
  }

  /** The states that upgrades entered after a sequence number. */
  upgradeStatesAfter(seq: number): string[] {
    return this.events
      .filter((event) => event.seq > seq && event.type === 'baton.upgrade.state-changed')
      .map(({ data }) => String(data.state));
  }

  async waitForUpgradeState(afterSeq: number, state: string): Promise<void> {
    const seen = () => this.upgradeStatesAfter(afterSeq).includes(state);
    await waitFor(seen, { deadlineMs: EVENT_DEADLINE_MS, what: `the event of the upgrade being ${state}` });
  }

  close(): void {
    this.#close();
  }
}
