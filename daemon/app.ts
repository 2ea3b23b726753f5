/** Puts the parts together. Reads no argument and no environment, and ends no process: that is `main.ts`. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { type Access, type AccessOptions, createAccess } from './access/access.js';
import type { BuildKind } from './build.js';
import { BuildRegistry } from './builds.js';
import { Consoles, DEFAULT_LOG_BYTES } from './console/consoles.js';
import { EventFeed, type EventLimits } from './http/event-feed.js';
import { createServer } from './http/server.js';
import { BatonDriver } from './instance/baton-driver.js';
import type { VmmDriver, VmmDrivers } from './instance/driver.js';
import { LinuxProcesses } from './instance/host.js';
import { ForkStarter } from './instance/program-starter.js';
import { QemuDriver } from './instance/qemu-driver.js';
import { UnitStarter } from './instance/unit-starter.js';
import { makePassage, runVmmsAs } from './instance/vmm-user.js';
import type { Services } from './machines/services.js';
import { StateRoom } from './machines/state-room.js';
import { Supervisor } from './machines/supervisor.js';
import { createMetrics, type Metrics } from './metrics/metrics.js';
import { UpgradeMetrics } from './metrics/upgrade-metrics.js';
import { KeptAnswers } from './preflight/kept-answers.js';
import { Preflight } from './preflight/preflight.js';
import type { Account } from './service/accounts.js';
import { Store } from './store/store.js';
import type { JournalObserver } from './upgrade/journal.js';
import { clearRehearsals } from './upgrade/rehearsal.js';

/** Replaced files are noticed when builds are listed or used; and, for those who only listen, now and then. */
const BUILDS_CHECK_MS = 300_000;

const DEFAULT_SHUTDOWN_DEADLINE_MS = 90_000;

export interface AppOptions {
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly version: string;
  readonly log: Logger;
  /** The VMM of this installation; null: machines need a build that was registered. */
  readonly ownBuild: { readonly kind: BuildKind; readonly path: string } | null;
  /** Deadlines of upgrade steps, by step name, other than their own; and of `guest-agent` and `guest-notice`. */
  readonly deadlinesMs?: Readonly<Record<string, number>>;
  readonly keepEvents?: number;
  readonly keepAudit?: number;
  /** Who may use it, beside root and its own user. */
  readonly access?: AccessOptions;
  readonly eventLimits?: Partial<EventLimits>;
  /** Who VMMs run as; default: as the daemon does. */
  readonly vmmUser?: Account | null;
  readonly shutdownDeadlineMs?: number;
  /** Of the systemd units that VMMs get; default: they are forked. */
  readonly slice?: string | null;
  /** How much of each instance's console log is kept. */
  readonly consoleLogBytes?: number;
  /** Told of every moment of an upgrade at which the daemon could die. */
  readonly journalObserver?: JournalObserver;
}

export interface App {
  readonly server: FastifyInstance;
  readonly services: Services;
  readonly access: Access;
  readonly supervisor: Supervisor;
  readonly feed: EventFeed;
  readonly metrics: Metrics;
  /** Ends what is under way, in order, within `deadlineMs`; VMMs stay. */
  close(deadlineMs: number): Promise<void>;
}

export async function createApp(options: AppOptions): Promise<App> {
  const { stateDir, runtimeDir, log, ownBuild } = options;
  runVmmsAs(options.vmmUser ?? null);
  for (const folder of [stateDir, runtimeDir, `${stateDir}/machines`]) makePassage(folder);
  const { recall } = new KeptAnswers(`${stateDir}/answers`);
  const drivers: VmmDrivers = new Map<BuildKind, VmmDriver>([
    ['baton', new BatonDriver()],
    ['qemu', new QemuDriver(recall)],
  ]);
  const store = new Store({
    path: `${stateDir}/batond.sqlite`,
    nowMs: Date.now,
    ...(options.keepEvents === undefined ? {} : { keepEvents: options.keepEvents }),
    ...(options.keepAudit === undefined ? {} : { keepAudit: options.keepAudit }),
  });
  const hidden = [runtimeDir, `${stateDir}/machines`];
  const slice = options.slice ?? null;
  const host = new LinuxProcesses(slice === null ? new ForkStarter() : new UnitStarter({ slice, hidden }));
  const metrics = createMetrics(options.version);
  store.onEvents(new UpgradeMetrics(store, metrics, log).take);
  const builds = new BuildRegistry(store, drivers);
  const { version } = options;
  const preflight = new Preflight({ builds, host, stateDir, runtimeDir, recall, version });
  const services: Services = {
    store,
    host,
    drivers,
    builds,
    preflight,
    consoles: new Consoles(store, log, options.consoleLogBytes ?? DEFAULT_LOG_BYTES),
    log,
    stateDir,
    stateRoom: new StateRoom(),
    runtimeDir,
    newId: randomUUID,
    shutdownDeadlineMs: options.shutdownDeadlineMs ?? DEFAULT_SHUTDOWN_DEADLINE_MS,
    deadlinesMs: options.deadlinesMs ?? {},
    journalObserver: options.journalObserver ?? (() => undefined),
  };
  if (ownBuild !== null) await services.builds.registerOwn(ownBuild.kind, ownBuild.path);
  const watching = setInterval(() => {
    services.builds.lookAtAll().catch((error) => log.warn({ err: error }, 'builds could not be looked at'));
  }, BUILDS_CHECK_MS).unref();
  await clearRehearsals(runtimeDir, host);
  const supervisor = new Supervisor(services);
  await supervisor.recover();
  services.consoles.start();
  const access = createAccess(store, log, options.access);
  const feed = new EventFeed(store, options.eventLimits);
  const server = await createServer({
    services,
    supervisor,
    version: options.version,
    access,
    feed,
    metrics,
  });
  return {
    server,
    services,
    access,
    supervisor,
    feed,
    metrics,
    async close(deadlineMs) {
      clearInterval(watching);
      await supervisor.stop(deadlineMs);
      await services.preflight.close();
      await server.close();
      await services.consoles.stop();
      store.close();
    },
  };
}
