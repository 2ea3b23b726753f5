/** What is looked up when somebody scrapes. What machines are is counted anew only when something has happened. */
import type { BuildRegistry } from '../builds.js';
import type { EventFeed } from '../http/event-feed.js';
import { OPERATION_STATES } from '../operation.js';
import type { Store } from '../store/store.js';
import type { Metrics } from './metrics.js';

export interface Scraped {
  readonly store: Store;
  readonly builds: BuildRegistry;
  readonly feed: EventFeed;
}

export class Scrape {
  readonly #scraped: Scraped;
  readonly #metrics: Metrics;
  #countedAt = -1;

  constructor(scraped: Scraped, metrics: Metrics) {
    this.#scraped = scraped;
    this.#metrics = metrics;
  }

  get contentType(): string {
    return this.#metrics.registry.contentType;
  }

  async text(): Promise<string> {
    const { store } = this.#scraped;
    const { last } = store.events.range();
    this.#metrics.eventsLastSequence.set(last);
    /* Whatever changes a machine, a build or an operation is written with an event. */
    if (this.#countedAt !== last) this.#count();
    this.#countedAt = last;
    this.#countListeners();
    return this.#metrics.registry.metrics();
  }

  #count(): void {
    const { store, builds } = this.#scraped;
    const { machines, machinesOutdated, operations } = this.#metrics;
    machines.reset();
    let outdated = 0;
    for (const { state, vmm, count, outdated: some } of store.machines.inventory(builds.ownId)) {
      machines.set({ state, vmm }, count);
      outdated += some;
    }
    machinesOutdated.set(outdated);
    const kept = store.operations.countsByState();
    for (const state of OPERATION_STATES) operations.set({ state }, kept.get(state) ?? 0);
  }

  #countListeners(): void {
    const { feed } = this.#scraped;
    const { eventListeners, eventListenersDropped } = this.#metrics;
    const transports = [...feed.readers].map(({ transport }) => transport);
    for (const transport of ['websocket', 'sse'] as const) {
      eventListeners.set({ transport }, transports.filter((one) => one === transport).length);
    }
    eventListenersDropped.reset();
    for (const { transport, reason, count } of feed.dropped) {
      eventListenersDropped.inc({ transport, reason }, count);
    }
  }
}
