/**
 * What is measured, for Prometheus, at /metrics. Counters and histograms count since the daemon started, as that is what
 * rate() and increase() expect; what happened before is in the store, as upgrades, operations and events. Labels are
 * words of ours only, never names or ids of what users make, so that their number is bounded.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Pauses are milliseconds, and seconds where a guest's memory goes through a file. */
const PAUSE_BUCKETS = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const PHASE_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30];
/** Each look wakes the process. */
const EVENT_LOOP_LOOK_MS = 100;

/** Gauges that are named as counters; the same is told without `_total`, by type. */
const MISNAMED = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(version: string) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_LOOK_MS });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge<L>({ name, help, labelNames, registers });
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter<L>({ name, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
    new Histogram<L>({ name, help, buckets, labelNames, registers });

  const buildInfo = gauge('baton_build_info', 'Always 1; what runs here, in its labels.', 'version', 'node');
  buildInfo.set({ version, node: process.versions.node }, 1);
  return {
    registry,
    machines: gauge(
      'baton_machines',
      'Machines by state and kind of the VMM that runs or ran them last; none: never started.',
      'state',
      'vmm',
    ),
    machinesOutdated: gauge(
      'baton_machines_outdated',
      'Machines that run on something else than they would start on now.',
    ),
    operations: gauge('baton_operations', 'Operations that are kept, by state.', 'state'),
    upgrades: counter(
      'baton_upgrades_total',
      'Upgrades that ended, by mode, result and the code of the reason; none: it succeeded.',
      'mode',
      'result',
      'reason',
    ),
    upgradeDuration: histogram(
      'baton_upgrade_duration_seconds',
      'How long the phases of upgrades took; the phase whole is from the request to the end.',
      PHASE_BUCKETS,
      'mode',
      'phase',
    ),
    guestPause: histogram(
      'baton_guest_pause_seconds',
      'How long guests stood still for upgrades that were committed, by the timestamps of their VMMs.',
      PAUSE_BUCKETS,
      'mode',
    ),
    preflightFindings: counter(
      'baton_preflight_findings_total',
      'Findings of the preflights of upgrades that ended.',
      'severity',
      'code',
    ),
    rollbacks: counter(
      'baton_rollbacks_total',
      'Upgrades that went back, by the phase that they had come to.',
      'stage',
    ),
    eventsLastSequence: gauge('baton_events_last_sequence', 'Sequence of the newest event.'),
    eventListeners: gauge('baton_event_listeners', 'Subscribers to events.', 'transport'),
    eventListenersDropped: counter(
      'baton_event_listeners_dropped_total',
      'Subscribers that were cut: slow, dead, or refused as what they asked for cannot be had.',
      'transport',
      'reason',
    ),
    requestDuration: histogram(
      'baton_http_request_duration_seconds',
      'How long requests took; without streams, and without those that asked to wait.',
      REQUEST_BUCKETS,
      'method',
      'route',
      'status',
    ),
  };
}
