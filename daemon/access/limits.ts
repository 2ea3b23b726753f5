/** How much one caller can ask for. */
export interface AccessLimits {
  readonly requestsPerSecond: number;
  /** Of these so many may change something. */
  readonly changesPerSecond: number;
  readonly requestsPerSecondAndNetwork: number;
  /** Of one origin, the unix socket's users included, for what anyone may ask for. */
  readonly openRequestsPerSecond: number;
  /** More failures of one origin in a minute are answered slowly. */
  readonly failuresPerMinute: number;
  readonly slowAnswerMs: number;
  /** So many slow answers are waited for at once. */
  readonly maxSlowAnswers: number;
  readonly connectionsPerUser: number;
}

export const DEFAULT_LIMITS: AccessLimits = {
  requestsPerSecond: 500,
  changesPerSecond: 100,
  requestsPerSecondAndNetwork: 1_000,
  openRequestsPerSecond: 50,
  failuresPerMinute: 10,
  slowAnswerMs: 1_000,
  maxSlowAnswers: 100,
  connectionsPerUser: 256,
};
