/** What the actors of all machines share. */
import type { Logger } from 'pino';
import type { BuildRegistry } from '../builds.js';
import type { Consoles } from '../console/consoles.js';
import type { VmmDrivers } from '../instance/driver.js';
import type { HostProcesses } from '../instance/host.js';
import type { Preflight } from '../preflight/preflight.js';
import type { Store } from '../store/store.js';
import type { JournalObserver } from '../upgrade/journal.js';
import type { StateRoom } from './state-room.js';

export interface Services {
  readonly store: Store;
  readonly stateRoom: StateRoom;
  readonly host: HostProcesses;
  readonly drivers: VmmDrivers;
  readonly builds: BuildRegistry;
  readonly consoles: Consoles;
  readonly preflight: Preflight;
  readonly log: Logger;
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly newId: () => string;
  /** How long guests have to power themselves off as the host goes down. */
  readonly shutdownDeadlineMs: number;
  readonly deadlinesMs: Readonly<Record<string, number>>;
  readonly journalObserver: JournalObserver;
}
