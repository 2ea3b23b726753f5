/**
 * Every error that a caller of the API can see: code → status → title. Codes are snake_case, documented
 * here, and never reused for something else. What is thrown is a `BatonError` with one of these codes and
 * a detail sentence that says what was expected, what was got and what to do.
 */
export const ERRORS = {
  invalid_request: { status: 400, title: 'The request does not have the form that this route takes' },
  malformed_json: { status: 400, title: 'The body is not JSON' },
  malformed_http: { status: 400, title: 'The request is not HTTP' },
  event_not_reached: { status: 400, title: 'The sequence asked for lies in the future' },
  console_not_reached: { status: 400, title: 'The console position asked for lies in the future' },
  unauthenticated: { status: 401, title: 'Who asks is not known' },
  forbidden: { status: 403, title: 'Who asks may not do this' },
  route_not_found: { status: 404, title: 'There is no such route' },
  machine_not_found: { status: 404, title: 'There is no such machine' },
  build_not_found: { status: 404, title: 'There is no such build' },
  operation_not_found: { status: 404, title: 'There is no such operation' },
  token_not_found: { status: 404, title: 'There is no such token' },
  upgrade_not_found: { status: 404, title: 'There is no such upgrade' },
  instance_not_found: { status: 404, title: 'The machine has no such instance' },
  console_not_found: { status: 404, title: 'The instance has written no console log' },
  log_not_found: { status: 404, title: 'The instance has no log' },
  method_not_allowed: { status: 405, title: 'The path has no such method' },
  already_managed: { status: 409, title: 'The process is a machine of this daemon already' },
  not_adopted: { status: 409, title: 'The machine was not adopted' },
  build_in_use: { status: 409, title: 'The build is in use' },
  build_pinned: { status: 409, title: 'The machine is pinned to another build' },
  build_denied: { status: 409, title: 'The machine must not run on this build' },
  build_changed: { status: 409, title: 'What the build runs is not what was registered' },
  machine_name_taken: { status: 409, title: 'Another machine has this name' },
  token_name_taken: { status: 409, title: 'Another token has this name' },
  too_many_tokens: { status: 409, title: 'There are as many tokens as there can be' },
  wrong_state: { status: 409, title: 'The machine is not in a state that allows this' },
  guest_agent_missing: { status: 409, title: 'The machine has no port for a guest agent' },
  guest_frozen: { status: 409, title: 'The filesystems of the guest are frozen already' },
  operation_in_progress: { status: 409, title: 'Another operation works on this machine' },
  upgrade_in_progress: { status: 409, title: 'The machine is being upgraded' },
  not_cancellable: { status: 409, title: 'The operation cannot be cancelled (any more)' },
  idempotency_key_in_use: { status: 409, title: 'The first request with this key is still being done' },
  events_gone: { status: 410, title: 'The events asked for are no longer kept' },
  console_gone: { status: 410, title: 'What the guest wrote there is no longer kept' },
  precondition_failed: { status: 412, title: 'The machine is not at the revision that was named' },
  body_too_large: { status: 413, title: 'The body is larger than this daemon takes' },
  unsupported_media_type: { status: 415, title: 'The body must be application/json' },
  upgrade_required: { status: 426, title: 'This route is spoken over WebSocket only' },
  machine_not_valid: { status: 422, title: 'No VMM could run the machine described' },
  not_adoptable: { status: 422, title: 'The process cannot be adopted' },
  build_not_usable: { status: 422, title: 'The file is not a VMM that this daemon can use' },
  build_not_suitable: { status: 422, title: 'The build cannot run this machine' },
  suspend_not_supported: { status: 422, title: 'The build cannot save its guest' },
  mode_not_supported: { status: 422, title: 'The upgrade mode is not supported by both builds' },
  idempotency_key_reused: { status: 422, title: 'The key was used for another request' },
  slow_reader: { status: 429, title: 'The subscriber reads too slowly' },
  guest_agent_busy: { status: 429, title: 'Too many ask the guest agent at once' },
  too_many_consoles: { status: 429, title: 'The machine has too many console sessions' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  too_many_streams: { status: 429, title: 'Who asks has too many streams' },
  headers_too_large: { status: 431, title: 'The request headers are too large' },
  vmm_start_failed: { status: 500, title: 'The VMM did not start' },
  vmm_failed: { status: 500, title: 'The VMM did not do what it was asked' },
  suspend_failed: { status: 500, title: 'The machine could not be suspended' },
  restore_failed: { status: 500, title: 'The machine could not be restored; it is suspended as before' },
  saved_state_broken: { status: 500, title: 'The saved state is not what was written' },
  daemon_restarted: { status: 500, title: 'The daemon was restarted while the operation was under way' },
  upgrade_rolled_back: { status: 500, title: 'The upgrade was rolled back; the machine is as before' },
  upgrade_failed: { status: 500, title: 'The upgrade failed and could not be rolled back' },
  internal_error: { status: 500, title: 'Internal error' },
  guest_agent_refused: { status: 502, title: 'The guest agent did not do what it was asked' },
  guest_agent_garbled: { status: 502, title: 'What answers in the guest is no guest agent' },
  guest_agent_silent: { status: 503, title: 'The guest agent does not answer' },
  store_busy: { status: 503, title: 'The store is locked by another process' },
  store_corrupt: { status: 503, title: 'The store is damaged' },
  store_failed: { status: 503, title: 'The store cannot be read or written' },
  too_many_listeners: { status: 503, title: 'Too many subscribers listen to events' },
  shutting_down: { status: 503, title: 'The daemon is stopping' },
  state_has_no_room: { status: 507, title: 'The disk has no room for the state of the guest' },
  store_full: { status: 507, title: 'The store has no room left' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;

export class BatonError extends Error {
  readonly code: ErrorCode;
  /** Further members for the problem document, such as the operation that is in the way. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: object } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BatonError';
    this.code = code;
    this.details = { ...options.details };
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What is stored with a failed operation and sent as its `error`: an RFC 9457 problem without `instance`. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly [member: string]: unknown;
}

export function problemBody(error: BatonError): ProblemBody {
  const { status, title } = ERRORS[error.code];
  return {
    ...error.details,
    type: `urn:baton:problem:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
  };
}
