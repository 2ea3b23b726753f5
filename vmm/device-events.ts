/**
 * Passes events of devices on to the monitors, and no more than one a second of each kind and subject: a guest decides
 * how many there are. Of those that come too fast the last one is told, when its second is over.
 */
import type { DeviceEvent } from './machine/device-event.js';
import type { EventHub } from './qmp/events.js';

const INTERVAL_MS = 1000;

export class DeviceEvents {
  readonly #events: EventHub;
  /** What came since the last one was told, by kind and subject; `null`: nothing. */
  readonly #late = new Map<string, DeviceEvent | null>();
  readonly #openChardevs = new Set<string>();

  constructor(events: EventHub) {
    this.#events = events;
  }

  /** Chardevs of ports that a program in the guest has open. */
  get openChardevs(): ReadonlySet<string> {
    return this.#openChardevs;
  }

  hear(event: DeviceEvent): void {
    if (event.chardev !== null) {
      if (event.open) this.#openChardevs.add(event.chardev);
      else this.#openChardevs.delete(event.chardev);
    }
    if (event.id === null) return;
    const subject = `${event.name} ${event.id}`;
    if (this.#late.has(subject)) this.#late.set(subject, event);
    else this.#tell(subject, event);
  }

  #tell(subject: string, { name, id, open }: DeviceEvent): void {
    if (id !== null) this.#events.emit(name, { id, open });
    this.#late.set(subject, null);
    // The end of the process is not held up.
    setTimeout(() => this.#tellLate(subject), INTERVAL_MS).unref();
  }

  #tellLate(subject: string): void {
    const event = this.#late.get(subject) ?? null;
    this.#late.delete(subject);
    if (event !== null) this.#tell(subject, event);
  }
}
