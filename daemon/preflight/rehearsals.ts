/**
 * Rehearsals of upgrades: one at a time on a host, as each takes the processors and the memory of two VMMs. One
 * that went through is not repeated for a machine of the same shape, between the same contents of builds, in the
 * same mode. Who gives up waiting does not end a rehearsal that others may wait for; the daemon's end does.
 */
import { createHash } from 'node:crypto';
import { messageOf } from '../errors.js';
import { within } from '../instance/deadline.js';
import type { HostProcesses } from '../instance/host.js';
import { type Rehearsal, rehearse } from '../upgrade/rehearsal.js';
import { BoundedCache } from './bounded-cache.js';
import { blocks, type Finding } from './finding.js';

/** `machine`: the real one. */
export type RehearsalRequest = Pick<Rehearsal, 'machine' | 'source' | 'target' | 'mode'>;

const DEADLINE_MS = 60_000;
const WAIT_DEADLINE_MS = 120_000;
const KEPT = 256;
const MAX_WAITING = 64;

export class Rehearsals {
  readonly #host: HostProcesses;
  readonly #runtimeDir: string;
  readonly #closing = new AbortController();
  readonly #known = new BoundedCache<readonly Finding[]>(KEPT);
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(host: HostProcesses, runtimeDir: string) {
    this.#host = host;
    this.#runtimeDir = runtimeDir;
  }

  async of(request: RehearsalRequest, signal: AbortSignal): Promise<readonly Finding[]> {
    const wait = { deadlineMs: WAIT_DEADLINE_MS, what: 'the rehearsal to end', signal };
    try {
      const machine = {
        ...request.machine,
        spec: await request.source.driver.standIns(request.machine.spec),
      };
      const beside = { ...request, machine };
      return await within(
        this.#known.get(keyOf(beside), () => this.#inTurn(beside)),
        wait,
      );
    } catch (error) {
      signal.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      if (error instanceof Refused) return error.findings;
      const sentence = `it could not be rehearsed: ${messageOf(error)}`;
      const remedy = 'try it: what fails before the commit leaves the machine on its source';
      return [{ code: 'rehearsal_not_possible', severity: 'warn', sentence, remedy }];
    }
  }

  /** Resolves when nothing of a rehearsal is left. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the daemon is stopping'));
    await this.#last;
  }

  async #inTurn(request: RehearsalRequest): Promise<readonly Finding[]> {
    if (this.#waiting >= MAX_WAITING) throw new Error(`${MAX_WAITING} others are waiting for their turn`);
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#rehearse(request));
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
    }
  }

  async #rehearse(request: RehearsalRequest): Promise<readonly Finding[]> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(DEADLINE_MS)]);
    signal.throwIfAborted();
    const host = this.#host;
    const findings = await rehearse({ ...request, host, runtimeDir: this.#runtimeDir, signal });
    signal.throwIfAborted();
    if (blocks(findings)) throw new Refused(findings);
    return findings;
  }
}

/** Thrown, as what failed is not kept: the operator may have helped meanwhile. */
class Refused extends Error {
  readonly findings: readonly Finding[];

  constructor(findings: readonly Finding[]) {
    super('the rehearsal failed');
    this.name = 'Refused';
    this.findings = findings;
  }
}

function keyOf({ machine, source, target, mode }: RehearsalRequest): string {
  const contents = [source, target].map(({ build }) => [build.path, build.contentHash]);
  return createHash('sha256')
    .update(JSON.stringify([mode, machine.spec, contents]))
    .digest('hex');
}
