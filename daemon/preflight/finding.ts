/** What preflight says: each finding stands for itself and says what would help. */
export const SEVERITIES = [
  /** It cannot go, or must not. */
  'block',
  /** It may fail, and then ends with the machine on its source; or something will not be as before. */
  'warn',
  /** Worth knowing. */
  'info',
] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  /** For programs; snake_case, never given another meaning. */
  readonly code: string;
  readonly severity: Severity;
  /** What was found, for people. */
  readonly sentence: string;
  /** What to do about it. */
  readonly remedy: string;
}

export function blocks(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'block');
}
