/** What monitors add to a machine and take away from it, as plain data that crosses threads. */
import type { NetdevOptions } from '../options/netdev-options.js';
import type {
  AddFdOptions,
  BlockNodeOptions,
  ChardevOptions,
  DeviceOptions,
  VmmOptions,
} from '../options/options.js';

export type Change =
  | { readonly add: 'chardev'; readonly chardev: ChardevOptions }
  | { readonly add: 'netdev'; readonly netdev: NetdevOptions }
  | { readonly add: 'node'; readonly node: BlockNodeOptions }
  /** It has its slot, which is empty. */
  | { readonly add: 'device'; readonly device: DeviceOptions }
  /** Nobody uses it; by its id or name. */
  | { readonly remove: 'chardev' | 'netdev' | 'node'; readonly id: string }
  | { readonly remove: 'device'; readonly slot: number };

/** How the machine will be, for whoever is added. */
export interface Becoming {
  readonly options: VmmOptions;
  /** Sets of descriptors as they are now. */
  readonly fdSets: readonly AddFdOptions[];
}
