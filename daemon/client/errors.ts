/** What can go wrong between a client and its daemon. Each says which request it was. */
import type { ErrorCode } from '../errors.js';
import type { Problem } from './documents.js';
import { formatLocation, type Location } from './location.js';

export class ClientError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The daemon answered that it will not, or cannot: a problem with a stable code. */
export class ProblemError extends ClientError {
  readonly status: number;
  /** Of `daemon/errors.ts`, or of a newer daemon. */
  readonly code: ErrorCode | (string & {});
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.status = problem.status;
    this.code = problem.code;
    this.problem = problem;
  }
}

/** Nothing was asked of the daemon: there is no way to it. */
export class UnreachableError extends ClientError {
  readonly location: Location;
  /** Of the system, such as ENOENT, ECONNREFUSED, EACCES; or of TLS. */
  readonly reason: string;

  constructor(location: Location, cause: Error & { code?: string }) {
    super(`cannot reach batond at ${formatLocation(location)}: ${cause.message}`, { cause });
    this.location = location;
    this.reason = cause.code ?? '';
  }
}

/** The connection broke after the request was sent: whether it was done is not known. */
export class ConnectionLostError extends ClientError {}

/** The time that the caller gave was over. What was asked for may go on. */
export class DeadlineError extends ClientError {}

/** What answers is no batond. */
export class ProtocolError extends ClientError {}

/** The problem in an answer, or one made of what else was there. */
export function problemOf(status: number, text: string): Problem | null {
  try {
    const document = JSON.parse(text) as Partial<Problem>;
    if (typeof document.code !== 'string') return null;
    const { title = document.code, detail = title } = document;
    return { type: `urn:baton:problem:${document.code}`, ...document, title, detail, status } as Problem;
  } catch {
    return null;
  }
}
