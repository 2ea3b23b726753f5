/**
 * Commands of the control queue (virtio 1.2, section 5.1.6.5): class, command and arguments in, OK or ERR out. An
 * argument that is too short, too long or out of range changes nothing.
 */
import { MAC_BYTES, MODES, type ReceiveFilter } from './filter.js';

const OK = 0;
const ERROR = 1;

const CLASS_RX = 0;
const CLASS_MAC = 1;
const CLASS_VLAN = 2;
const CLASS_ANNOUNCE = 3;
const CLASS_GUEST_OFFLOADS = 5;

const MAC_TABLE_SET = 0;
const MAC_ADDRESS_SET = 1;
const VLAN_ADD = 0;
const VLAN_DELETE = 1;
const ANNOUNCE_ACK = 0;
const GUEST_OFFLOADS_SET = 0;

/** A longer command is refused unread: a table of thousands of addresses. */
export const MAX_COMMAND_BYTES = 64 * 1024;

export interface ControlTarget {
  readonly filter: ReceiveFilter;
  filterChanged(): void;
  /** The driver has told its neighbours where it is. */
  announced(): void;
  /** Feature bits in two halves. False: the driver may not ask for that. */
  setOffloads(low: number, high: number): boolean;
}

/** Does what a command says and returns its status. */
export function runCommand(command: Uint8Array, target: ControlTarget): number {
  const [kind, code] = command;
  const data = command.subarray(2);
  switch (kind) {
    case CLASS_RX:
      return status(setMode(code, data, target));
    case CLASS_MAC:
      return status(code === MAC_TABLE_SET ? setTables(data, target) : setMac(code, data, target));
    case CLASS_VLAN:
      return status(setVlan(code, data, target));
    case CLASS_ANNOUNCE:
      if (code !== ANNOUNCE_ACK) return ERROR;
      target.announced();
      return OK;
    case CLASS_GUEST_OFFLOADS: {
      if (code !== GUEST_OFFLOADS_SET || data.length !== 8) return ERROR;
      const view = viewOf(data);
      return status(target.setOffloads(view.getUint32(0, true), view.getUint32(4, true)));
    }
    default:
      return ERROR;
  }
}

function status(isDone: boolean): number {
  return isDone ? OK : ERROR;
}

function setMode(
  code: number | undefined,
  data: Uint8Array,
  { filter, filterChanged }: ControlTarget,
): boolean {
  const mode = MODES[code ?? MODES.length];
  if (mode === undefined || data.length !== 1) return false;
  filter.setMode(mode, data[0] !== 0);
  filterChanged();
  return true;
}

function setMac(
  code: number | undefined,
  data: Uint8Array,
  { filter, filterChanged }: ControlTarget,
): boolean {
  if (code !== MAC_ADDRESS_SET || data.length !== MAC_BYTES) return false;
  filter.setMac(data);
  filterChanged();
  return true;
}

/** Two tables, each with the number of its addresses before it. */
function setTables(data: Uint8Array, { filter, filterChanged }: ControlTarget): boolean {
  const unicast = tableAt(data, 0);
  const multicast = unicast && tableAt(data, 4 + unicast.length);
  if (!unicast || !multicast || 8 + unicast.length + multicast.length !== data.length) return false;
  filter.setTables(unicast, multicast);
  filterChanged();
  return true;
}

function tableAt(data: Uint8Array, at: number): Uint8Array | null {
  if (at + 4 > data.length) return null;
  const sizeBytes = viewOf(data).getUint32(at, true) * MAC_BYTES;
  return at + 4 + sizeBytes <= data.length ? data.subarray(at + 4, at + 4 + sizeBytes) : null;
}

function setVlan(
  code: number | undefined,
  data: Uint8Array,
  { filter, filterChanged }: ControlTarget,
): boolean {
  if ((code !== VLAN_ADD && code !== VLAN_DELETE) || data.length !== 2) return false;
  const vlan = viewOf(data).getUint16(0, true);
  if (vlan > 0xfff) return false;
  filter.setVlan(vlan, code === VLAN_ADD);
  filterChanged();
  return true;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
