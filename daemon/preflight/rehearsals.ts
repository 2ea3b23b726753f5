/**
 * Rehearsals of upgrades: one at a time on a host, as each takes the processors and the memory of two VMMs. One
 * that went through is not repeated until the host boots, for the same command lines, between the same contents of
 * builds, in the same mode, by the same version of the daemon. Who gives up waiting does not end a rehearsal that
 * others may wait for; the daemon's end does.
 */
import { messageOf } from '../errors.js';
import { within } from '../instance/deadline.js';
import type { Incoming } from '../instance/driver.js';
import type { HostProcesses } from '../instance/host.js';
import { instancePaths } from '../instance.js';
import { type Rehearsal, rehearse, type Side } from '../upgrade/rehearsal.js';
import { BoundedCache } from './bounded-cache.js';
import type { Finding } from './finding.js';
import { ofBuild, type Recall } from './kept-answers.js';

/** `machine`: the real one. */
export type RehearsalRequest = Pick<Rehearsal, 'machine' | 'source' | 'target' | 'mode'>;

const DEADLINE_MS = 60_000;
const WAIT_DEADLINE_MS = 120_000;
const KEPT = 256;
const MAX_WAITING = 64;
const WENT_THROUGH = 'went through';
/** Who the machine is and where its instances lie is no part of its shape. */
const ANYONE = { id: '00000000-0000-4000-8000-000000000000', name: 'machine' };
const ANYWHERE = instancePaths({ socketsDir: '/', logsDir: '/' });

export interface RehearsalsOptions {
  readonly host: HostProcesses;
  readonly runtimeDir: string;
  readonly recall: Recall;
  /** Of the daemon. */
  readonly version: string;
}

export class Rehearsals {
  readonly #options: RehearsalsOptions;
  readonly #closing = new AbortController();
  readonly #known = new BoundedCache<void>(KEPT);
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: RehearsalsOptions) {
    this.#options = options;
  }

  /** No finding: it went through. */
  async of(request: RehearsalRequest, signal: AbortSignal): Promise<readonly Finding[]> {
    const wait = { deadlineMs: WAIT_DEADLINE_MS, what: 'the rehearsal to end', signal };
    try {
      const machine = {
        ...request.machine,
        spec: await request.source.driver.standIns(request.machine.spec),
      };
      const beside = { ...request, machine };
      const question = this.#question(beside);
      await within(
        this.#known.get(JSON.stringify(question), () => this.#recalled(beside, question)),
        wait,
      );
      return [];
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

  #question({ machine: { spec }, source, target, mode }: RehearsalRequest): readonly unknown[] {
    const { host, version } = this.#options;
    const lineOf = ({ build, driver }: Side, incoming: Incoming | null) =>
      driver.commandLine({ machine: { ...ANYONE, spec }, build, paths: ANYWHERE, incoming }).args;
    const lines = [lineOf(source, null), lineOf(target, 'cpr')];
    const contents = [source, target].map(({ build }) => [build.path, build.contentHash]);
    return ['rehearsal', host.bootId, version, mode, lines, contents];
  }

  #recalled(request: RehearsalRequest, question: readonly unknown[]): Promise<void> {
    const { source, target } = request;
    const recall = ofBuild(ofBuild(this.#options.recall, source.build), target.build);
    const ask = async () => {
      await this.#inTurn(request);
      return WENT_THROUGH;
    };
    return recall(question, ask, (answer) => {
      if (answer !== WENT_THROUGH) throw new Error('expected a rehearsal that went through');
    });
  }

  async #inTurn(request: RehearsalRequest): Promise<void> {
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

  async #rehearse(request: RehearsalRequest): Promise<void> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(DEADLINE_MS)]);
    signal.throwIfAborted();
    const { host, runtimeDir } = this.#options;
    const findings = await rehearse({ ...request, host, runtimeDir, signal });
    signal.throwIfAborted();
    if (findings.length > 0) throw new Refused(findings);
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
