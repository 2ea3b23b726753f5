/**
 * The name of each route, which clients are generated with: it never changes. With it the problems that are this
 * route's own; those that come with a body, a machine, a precondition or a key are added where the document is made.
 */
import type { ErrorCode } from '../errors.js';

interface Named {
  readonly id: string;
  readonly problems?: readonly ErrorCode[];
}

const BUSY = ['wrong_state', 'operation_in_progress', 'upgrade_in_progress'] as const;
const STARTS = ['build_not_found', 'build_denied', 'build_changed'] as const;
const AGENT = [
  'guest_agent_missing',
  'guest_agent_busy',
  'guest_agent_refused',
  'guest_agent_garbled',
  'guest_agent_silent',
] as const;
const DOCUMENT = ['machine_name_taken', 'machine_not_valid', 'build_not_found'] as const;

export const ROUTES: Readonly<Record<string, Named>> = {
  'GET /v1': { id: 'getDaemon' },
  'GET /v1/openapi.json': { id: 'getOpenapi' },
  'GET /v1/host': { id: 'getHost' },
  'GET /v1/host/validate': { id: 'validateHost' },
  'POST /v1/host/suspend': { id: 'suspendHost' },
  'POST /v1/host/restore': { id: 'restoreHost' },
  'POST /v1/host/shutdown': { id: 'shutDownHost' },
  'POST /v1/host/boot': { id: 'bootHost' },
  'GET /v1/machines': { id: 'listMachines' },
  'POST /v1/machines': { id: 'createMachine', problems: [...DOCUMENT, 'build_denied'] },
  'POST /v1/machines/adopt': {
    id: 'adoptMachine',
    problems: ['machine_name_taken', 'already_managed', 'not_adoptable', 'build_not_usable'],
  },
  'GET /v1/machines/:machine': { id: 'getMachine' },
  'PATCH /v1/machines/:machine': { id: 'changeMachine', problems: [...BUSY, ...DOCUMENT] },
  'DELETE /v1/machines/:machine': { id: 'deleteMachine', problems: BUSY },
  'PUT /v1/machines/:machine/builds': {
    id: 'setMachineBuilds',
    problems: ['build_not_found', 'build_denied', 'build_not_suitable'],
  },
  'POST /v1/machines/:machine/start': { id: 'startMachine', problems: BUSY },
  'POST /v1/machines/:machine/stop': { id: 'stopMachine', problems: BUSY },
  'POST /v1/machines/:machine/kill': { id: 'killMachine', problems: BUSY },
  'POST /v1/machines/:machine/pause': { id: 'pauseMachine', problems: BUSY },
  'POST /v1/machines/:machine/resume': { id: 'resumeMachine', problems: BUSY },
  'POST /v1/machines/:machine/suspend': {
    id: 'suspendMachine',
    problems: [...BUSY, 'suspend_not_supported'],
  },
  'POST /v1/machines/:machine/restore': {
    id: 'restoreMachine',
    problems: [...BUSY, ...STARTS, 'build_pinned', 'build_not_suitable', 'suspend_not_supported'],
  },
  'POST /v1/machines/:machine/discard': { id: 'discardMachineState', problems: BUSY },
  'POST /v1/machines/:machine/release': { id: 'releaseMachine', problems: [...BUSY, 'not_adopted'] },
  'POST /v1/machines/:machine/upgrade': {
    id: 'upgradeMachine',
    problems: [...BUSY, ...STARTS, 'build_pinned', 'build_not_suitable', 'mode_not_supported'],
  },
  'POST /v1/machines/:machine/preflight': {
    id: 'preflightUpgrade',
    problems: [...STARTS, 'build_pinned'],
  },
  'GET /v1/machines/:machine/guest': { id: 'getGuest', problems: [...BUSY, ...AGENT] },
  'POST /v1/machines/:machine/guest/freeze': {
    id: 'freezeGuest',
    problems: [...BUSY, ...AGENT, 'guest_frozen'],
  },
  'POST /v1/machines/:machine/guest/thaw': { id: 'thawGuest', problems: [...BUSY, ...AGENT] },
  'GET /v1/machines/:machine/console': {
    id: 'attachConsole',
    problems: ['upgrade_required', 'console_gone', 'console_not_reached', 'too_many_consoles', 'slow_reader'],
  },
  'GET /v1/machines/:machine/instances': { id: 'listInstances' },
  'GET /v1/machines/:machine/instances/:generation/console': {
    id: 'getConsoleLog',
    problems: ['instance_not_found', 'console_not_found'],
  },
  'GET /v1/machines/:machine/instances/:generation/log': {
    id: 'getVmmLog',
    problems: ['instance_not_found', 'log_not_found'],
  },
  'GET /v1/builds': { id: 'listBuilds' },
  'POST /v1/builds': { id: 'registerBuild', problems: ['build_not_usable'] },
  'GET /v1/builds/:id': { id: 'getBuild', problems: ['build_not_found'] },
  'DELETE /v1/builds/:id': { id: 'removeBuild', problems: ['build_not_found', 'build_in_use'] },
  'GET /v1/operations': { id: 'listOperations' },
  'GET /v1/operations/:id': { id: 'getOperation', problems: ['operation_not_found'] },
  'POST /v1/operations/:id/cancel': {
    id: 'cancelOperation',
    problems: ['operation_not_found', 'not_cancellable'],
  },
  'GET /v1/upgrades': { id: 'listUpgrades' },
  'GET /v1/upgrades/:id': { id: 'getUpgrade', problems: ['upgrade_not_found'] },
  'GET /v1/events': { id: 'listEvents', problems: ['event_not_reached', 'events_gone', 'slow_reader'] },
  'GET /v1/whoami': { id: 'getCaller' },
  'GET /v1/tokens': { id: 'listTokens' },
  'POST /v1/tokens': { id: 'createToken' },
  'GET /v1/tokens/:id': { id: 'getToken' },
  'DELETE /v1/tokens/:id': { id: 'revokeToken' },
  'GET /v1/audit': { id: 'listAudit' },
  'GET /v1/audit/verify': { id: 'verifyAudit' },
  'GET /healthz': { id: 'getLiveness' },
  'GET /readyz': { id: 'getReadiness' },
  'GET /metrics': { id: 'getMetrics' },
};

/** Of a route that is not in the list: from its method and path, which do not change either. */
export function nameOf(method: string, url: string): string {
  const named = ROUTES[`${method} ${url}`];
  if (named !== undefined) return named.id;
  const words = url.split(/[^A-Za-z0-9]+/).filter((word) => word !== '' && word !== 'v1');
  const noun = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return `${method.toLowerCase()}${noun}`;
}

export function problemsOf(method: string, url: string): readonly ErrorCode[] {
  return ROUTES[`${method} ${url}`]?.problems ?? [];
}
