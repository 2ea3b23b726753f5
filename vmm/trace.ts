/**
 * Where the time of a start goes, for who measures it: with BATON_TRACE=FILE in the environment each step appends a
 * line to that file, its time in microseconds since 1970 and its name. Without, a step costs nothing.
 */
import { appendFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

const path = process.env.BATON_TRACE;

export function trace(step: string, atMs = performance.now()): void {
  if (path === undefined) return;
  appendFileSync(path, `${((performance.timeOrigin + atMs) * 1000).toFixed(0)} ${step}\n`);
}

/** What was before the first of our own steps. */
export function traceNode(): void {
  if (path === undefined) return;
  trace('node', 0);
  trace('node-ready', performance.nodeTiming.bootstrapComplete);
}
