/** What a monitor can see and do of the machine's network, in the machine's thread. */
import type { NetLink } from '../devices/virtio-net/link.js';
import { formatMac } from '../net/mac-addresses.js';
import type { Netdevs } from '../net/netdevs.js';
import type {
  FilterReport,
  NetworkEvent,
  NetworkReport,
  NetworkRequest,
  NicReport,
  Reception,
} from '../net/report.js';
import type { OpenDevice } from './devices.js';

const MAC_BYTES = 6;
const VLANS = 4096;

interface Nic {
  readonly name: string;
  readonly device: OpenDevice;
  readonly link: NetLink;
  readonly netdev: string | null;
}

export class Network {
  readonly #netdevs: Netdevs;
  readonly #devices: () => readonly OpenDevice[];
  readonly #tell: (event: NetworkEvent) => void;
  /** Those whose last change nobody has looked at yet. */
  readonly #told = new Set<NetLink>();

  constructor(netdevs: Netdevs, devices: () => readonly OpenDevice[], tell: (event: NetworkEvent) => void) {
    this.#netdevs = netdevs;
    this.#devices = devices;
    this.#tell = tell;
    for (const nic of this.#nics()) this.watch(nic.device);
  }

  /** A device that has come. */
  watch({ nic, options }: OpenDevice): void {
    if (nic === undefined) return;
    nic.link.onFilterChanged = () => {
      if (this.#told.has(nic.link)) return;
      this.#told.add(nic.link);
      const nameless = this.#devices().filter((other) => other.options.id === null);
      const index = nameless.findIndex((other) => other.nic === nic);
      this.#tell({ event: 'filter-changed', id: options.id, index });
    };
  }

  /** One that has gone. */
  forget({ nic }: OpenDevice): void {
    if (nic !== undefined) this.#told.delete(nic.link);
  }

  ask(request: NetworkRequest): NetworkReport {
    if (request.kind === 'set-link') this.#setLink(request.name, request.isUp);
    if (request.kind === 'filters') {
      for (const { name, link } of this.#nics()) if (request.nics.includes(name)) this.#told.delete(link);
    }
    return this.#report();
  }

  #setLink(name: string, isUp: boolean): void {
    const nics = this.#nics().filter((nic) => nic.name === name || nic.netdev === name);
    const isThere = nics.length > 0 || this.#netdevs.all.some(({ options }) => options.id === name);
    if (!isThere) throw new Error(`Device '${name}' not found`);
    for (const { link } of nics) link.set(isUp);
  }

  #report(): NetworkReport {
    const netdevs = this.#netdevs.all.map(({ options, summary }) => {
      return { id: options.id, type: options.type, summary };
    });
    return { nics: this.#nics().map(reportOf), netdevs };
  }

  #nics(): Nic[] {
    const devices = this.#devices().filter(({ nic }) => nic !== undefined);
    return devices.flatMap((device, index) => {
      const { nic, options } = device;
      return nic === undefined ? [] : [{ ...nic, device, name: options.id ?? `${options.driver}.${index}` }];
    });
  }
}

function reportOf({ name, device: { options }, link, netdev }: Nic): NicReport {
  return {
    ...{ name, id: options.id, driver: options.driver, netdev },
    ...{ mac: formatMac(link.filter?.mac ?? link.mac), isLinkUp: link.isUp, droppedFrames: link.dropped },
    filter: filterOf(link),
  };
}

function filterOf({ filter, mac }: NetLink): FilterReport {
  const modes = filter?.modes;
  return {
    mainMac: formatMac(filter?.mac ?? mac),
    promiscuous: modes?.promiscuous ?? true,
    broadcastAllowed: !modes?.noBroadcast,
    unicast: reception(modes?.noUnicast, modes?.allUnicast),
    multicast: reception(modes?.noMulticast, modes?.allMulticast),
    unicastOverflow: filter?.unicastOverflow ?? false,
    multicastOverflow: filter?.multicastOverflow ?? false,
    unicastTable: addresses(filter?.unicast),
    multicastTable: addresses(filter?.multicast),
    ...vlansOf(filter?.usesVlans === true ? filter.vlans : null),
  };
}

function reception(none = false, all = false): Reception {
  if (none) return 'none';
  return all ? 'all' : 'normal';
}

/** QEMU lists the last one first. */
function addresses(table: Uint8Array = new Uint8Array()): string[] {
  const found: string[] = [];
  for (let at = 0; at < table.length; at += MAC_BYTES)
    found.unshift(formatMac(table.subarray(at, at + MAC_BYTES)));
  return found;
}

function vlansOf(vlans: Uint8Array | null): Pick<FilterReport, 'vlan' | 'vlanTable'> {
  const vlanTable: number[] = [];
  for (let vlan = VLANS - 1; vlan >= 0; vlan--) {
    if (vlans === null || (((vlans[vlan >> 3] ?? 0) >> (vlan & 7)) & 1) !== 0) vlanTable.push(vlan);
  }
  if (vlans === null) return { vlan: 'all', vlanTable };
  return { vlan: vlanTable.length === 0 ? 'none' : 'normal', vlanTable };
}
