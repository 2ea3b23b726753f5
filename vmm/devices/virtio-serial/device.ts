/**
 * Virtio console device (virtio 1.2, section 5.3): consoles and named ports to programs in the guest, each with two
 * queues of its own. A driver that does not know several ports has port 0 alone.
 *
 *     queues   0 1 port 0   2 3 control   4 5 port 1   6 7 port 2 …      even: to the guest
 *
 * Not emulated: the size of consoles, emergency writes, removing ports.
 */
import type { StateRecord } from '../../state/description.js';
import { readConfigBytes, type VirtioDevice, type VirtioHost, type VirtioPart } from '../virtio/device.js';
import * as control from './control.js';
import type { PortSpec } from './host-port.js';
import { Port, type PortQueues } from './port.js';
import { portsOf, type SerialState, serialFields, serialReset, validateSerial } from './state.js';

const FEATURE_MULTIPORT = 1;
const PORT_QUEUE_SIZE = 128;
const CONTROL_QUEUE_SIZE = 32;
const CONFIG_BYTES = 12;
const CONFIG_MAX_PORTS = 4;

/** `ports`: numbers below `maxPorts`, each once. */
export function virtioSerial(maxPorts: number, ports: readonly PortSpec[]): VirtioPart {
  const controlQueues = [CONTROL_QUEUE_SIZE, CONTROL_QUEUE_SIZE];
  const others = Array<number>(2 * (maxPorts - 1)).fill(PORT_QUEUE_SIZE);
  return {
    name: 'virtio-console',
    deviceId: 3,
    queueSizes: [PORT_QUEUE_SIZE, PORT_QUEUE_SIZE, ...controlQueues, ...others],
    features: maxPorts > 1 ? [FEATURE_MULTIPORT] : [],
    fields: serialFields(maxPorts),
    reset: serialReset(maxPorts, ports),
    validate: (state) => validateSerial(state, maxPorts, ports),
    create: (host, state) => new VirtioSerial(host, maxPorts, ports, state as unknown as SerialState),
  };
}

class VirtioSerial implements VirtioDevice {
  readonly #host: VirtioHost;
  readonly #maxPorts: number;
  readonly #config = new Uint8Array(CONFIG_BYTES);
  readonly #ports: ReadonlyMap<number, Port>;
  readonly #control: control.ControlQueues;

  constructor(host: VirtioHost, maxPorts: number, specs: readonly PortSpec[], state: SerialState) {
    this.#host = host;
    this.#maxPorts = maxPorts;
    new DataView(this.#config.buffer).setUint32(CONFIG_MAX_PORTS, maxPorts, true);
    const events = {
      heard: (message: control.Message) => this.#heard(message),
      nameOf: (nr: number) => this.#ports.get(nr)?.spec.name ?? '',
    };
    this.#control = new control.ControlQueues(host, events, state.control);
    this.#ports = new Map(specs.map((spec) => [spec.nr, this.#port(spec, state)]));
  }

  notify(queue: number): void {
    if (queue === 2 || queue === 3) {
      this.#control.flush();
      return;
    }
    const port = this.#ports.get(queue < 2 ? 0 : (queue >> 1) - 1);
    if (port !== undefined) {
      if (queue % 2 === 0) port.listen();
      else port.flushOutput();
    } else if (queue % 2 === 1) {
      this.#giveBack(queue);
    }
  }

  resume(): void {
    for (const port of this.#ports.values()) port.resume(this.#isUsed(port));
    this.#control.flush();
  }

  pause(): void {
    for (const port of this.#ports.values()) port.pause();
  }

  reset(): void {
    for (const port of this.#ports.values()) port.reset();
    this.#control.reset();
  }

  readConfig(offset: number, width: number): number {
    return readConfigBytes(this.#config, offset, width);
  }

  writeConfig(): void {}

  save(): StateRecord {
    const states = Array.from({ length: this.#maxPorts }, (_, nr) => this.#ports.get(nr)?.state);
    const flags = (name: 'guestReady' | 'guestOpen' | 'hostOpen') =>
      states.map((port) => (port?.[name] ? 1 : 0));
    const specs = [...this.#ports.values()].map(({ spec }) => spec);
    const state: SerialState = {
      max_nr_ports: this.#maxPorts,
      ports: portsOf(this.#maxPorts, specs),
      guest_ready: flags('guestReady'),
      guest_open: flags('guestOpen'),
      host_open: flags('hostOpen'),
      output_done: states.map((port) => port?.outputDone ?? 0),
      control: this.#control.save(),
    };
    return { ...state };
  }

  #port(spec: PortSpec, state: SerialState): Port {
    const { nr } = spec;
    const own = {
      guestReady: state.guest_ready[nr] === 1,
      guestOpen: state.guest_open[nr] === 1,
      hostOpen: state.host_open[nr] === 1,
      outputDone: state.output_done[nr] ?? 0,
    };
    const tellGuest = (port: Port) => {
      this.#tellOpen(port);
      this.#control.flush();
    };
    return new Port(this.#host, spec, queuesOf(nr), own, tellGuest);
  }

  #isUsed({ spec, state }: Port): boolean {
    return this.#host.has(FEATURE_MULTIPORT) ? state.guestOpen : spec.nr === 0;
  }

  #heard({ nr, event, value }: control.Message): void {
    if (event === control.DEVICE_READY) {
      if (value === 0) return;
      for (const known of this.#ports.keys()) this.#control.send(known, control.PORT_ADD, 1);
      return;
    }
    const port = this.#ports.get(nr);
    if (port === undefined) return;
    if (event === control.PORT_READY && value !== 0) {
      this.#introduce(port);
    } else if (event === control.PORT_OPEN) {
      port.state.guestOpen = value !== 0;
      port.use(this.#isUsed(port));
    }
  }

  #introduce(port: Port): void {
    const { nr, name, isConsole } = port.spec;
    port.state.guestReady = true;
    port.state.hostOpen = false;
    if (isConsole) this.#control.send(nr, control.CONSOLE_PORT, 1);
    if (name !== null) this.#control.send(nr, control.PORT_NAME, 1);
    this.#tellOpen(port);
  }

  #tellOpen(port: Port): void {
    const { state, isConnected } = port;
    if (!state.guestReady || state.hostOpen === isConnected) return;
    state.hostOpen = isConnected;
    this.#control.send(port.spec.nr, control.PORT_OPEN, isConnected ? 1 : 0);
  }

  /** Output to a port that is not there. Throws `QueueError`. */
  #giveBack(index: number): void {
    const queue = this.#host.queues[index];
    for (let chain = queue?.pop(); chain; chain = queue?.pop()) queue?.push(chain.head, 0);
    this.#host.signal(index);
  }
}

function queuesOf(nr: number): PortQueues {
  const receive = nr === 0 ? 0 : 2 * nr + 2;
  return { receive, transmit: receive + 1 };
}
