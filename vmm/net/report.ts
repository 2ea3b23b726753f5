/** What the machine's thread tells of its network, and is asked for: plain data. */

export interface NicReport {
  /** Its id, or its kind and number. */
  readonly name: string;
  /** Null: nobody named it. */
  readonly id: string | null;
  readonly driver: string;
  readonly mac: string;
  readonly netdev: string | null;
  readonly isLinkUp: boolean;
  readonly droppedFrames: number;
  readonly filter: FilterReport;
}

export interface FilterReport {
  readonly mainMac: string;
  readonly promiscuous: boolean;
  readonly broadcastAllowed: boolean;
  readonly unicast: Reception;
  readonly multicast: Reception;
  readonly unicastOverflow: boolean;
  readonly multicastOverflow: boolean;
  readonly unicastTable: readonly string[];
  readonly multicastTable: readonly string[];
  readonly vlan: Reception;
  readonly vlanTable: readonly number[];
}

export type Reception = 'normal' | 'none' | 'all';

export interface NetdevReport {
  readonly id: string;
  readonly type: string;
  readonly summary: string;
}

export interface NetworkReport {
  readonly nics: readonly NicReport[];
  readonly netdevs: readonly NetdevReport[];
}

export type NetworkRequest =
  | { readonly kind: 'report' }
  /** From now on the next change of these devices' filters is told again. */
  | { readonly kind: 'filters'; readonly nics: readonly string[] }
  /** `name`: of a network device or a backend. Rejects when there is neither. */
  | { readonly kind: 'set-link'; readonly name: string; readonly isUp: boolean };

export type NetworkEvent =
  | { readonly event: 'connected' | 'disconnected'; readonly netdev: string }
  /** `index`: among the network devices that nobody named. */
  | { readonly event: 'filter-changed'; readonly id: string | null; readonly index: number };
