/** Events of devices on their way to the monitors: no more than one a second of each kind and subject, as in QEMU. */
import { type DeviceEvent, subjectOf } from './machine/device-event.js';
import type { EventHub } from './qmp/events.js';
import { Throttle } from './throttle.js';

const INTERVAL_MS = 1000;

export class DeviceEvents {
  readonly #throttle: Throttle<DeviceEvent>;
  readonly #openChardevs = new Set<string>();

  constructor(events: EventHub) {
    this.#throttle = new Throttle(INTERVAL_MS, (event) => tell(events, event));
  }

  /** Chardevs of ports that a program in the guest has open. */
  get openChardevs(): ReadonlySet<string> {
    return this.#openChardevs;
  }

  hear(event: DeviceEvent): void {
    if (event.name === 'VSERPORT_CHANGE' && event.chardev !== null) {
      if (event.open) this.#openChardevs.add(event.chardev);
      else this.#openChardevs.delete(event.chardev);
    }
    this.#throttle.put(subjectOf(event), event);
  }
}

function tell(events: EventHub, event: DeviceEvent): void {
  if (event.name === 'BALLOON_CHANGE') events.emit(event.name, { actual: event.actual });
  else if (event.id !== null) events.emit(event.name, { id: event.id, open: event.open });
}
