/** `-machine none`: a VMM that only answers questions about itself. Nothing runs, so there is no state to move. */
import type { MachineHandle } from './handle.js';

export const NO_MACHINE: MachineHandle = {
  terminals: {},
  start: async () => {},
  stop: async () => {},
  reset: async () => {},
  powerdown: async () => {},
  save: nothingToMove,
  openBackends: async () => {},
  load: nothingToMove,
  leave: async () => {},
  activate: async () => {},
  inactivate: async () => {},
  disks: async () => ({ nodes: [], disks: [] }),
  resizeDisk: nothingToMove,
  rehearse: nothingToMove,
  registers: nothingToMove,
  ask: nothingToMove,
  change: async () => {},
  carry: nothingToMove,
  carried: nothingToMove,
  network: async () => ({ nics: [], netdevs: [] }),
  close: async () => {},
};

async function nothingToMove(): Promise<never> {
  throw new Error('-machine none has no guest');
}
