/**
 * Migration of this process, in either direction: what the monitor's migration commands act on. Checks what
 * may be asked when, runs one outgoing migration at a time and puts the VM back when it fails.
 *
 * Guarantees: `migrate` that answers with an error has not stopped the VM; a migration that fails or is
 * cancelled later leaves the VM as it was before it, and `query-migrate` says why; only `completed` ends in
 * `postmigrate`.
 */
import { QmpError } from '../qmp/error.js';
import type { MigrationInfo } from '../qmp/protocol.js';
import type { Address } from './address.js';
import type { Channels } from './channels.js';
import type { IncomingMigration } from './incoming.js';
import { OUTGOING_MODES, type OutgoingMode, type OutgoingRun } from './modes.js';
import type { OutgoingContext } from './outgoing.js';
import type { CapabilityStatus, MigrationParameters, MigrationSettings } from './settings.js';

export interface MigrationOptions extends OutgoingContext {
  /** `null`: this process booted its VM. */
  readonly incoming: IncomingMigration | null;
  /** The main channel that `-incoming` named, so that `migrate-incoming` is not wanted. */
  readonly listenAt: Address | null;
  /** Tells the source what machine waits for its guest, if it is one that hears. */
  introduce(): Promise<void>;
  /** A line for the operator. */
  report(message: string): void;
}

const IN_PROGRESS = "There's a migration process in progress";

export class Migration {
  readonly #options: MigrationOptions;
  readonly settings: MigrationSettings;
  #cancel: AbortController | null = null;
  #run: OutgoingRun | null = null;
  /** The source is being told what machine this is. */
  #isTakingOver = false;

  constructor(options: MigrationOptions) {
    this.#options = options;
    this.settings = options.settings;
  }

  /** `query-migrate`. */
  info(): MigrationInfo {
    const mode = OUTGOING_MODES[this.settings.mode];
    return this.#options.progress.info(mode.blockedReasons(this.#options));
  }

  setCapabilities(changes: readonly CapabilityStatus[]): void {
    if (this.#options.progress.status !== 'setup-cpr') this.#requireIdle();
    this.settings.setCapabilities(changes);
  }

  setParameters(changes: Partial<MigrationParameters>): void {
    this.#requireIdle();
    this.settings.setParameters(changes);
  }

  /** In either direction, from the order on: what is handed over must not change. */
  get isUnderWay(): boolean {
    return this.#cancel !== null || this.#isTakingOver || this.#options.progress.isUnderWay;
  }

  /** Resolves when the migration is under way; it goes on by itself. */
  async start(channels: Channels): Promise<void> {
    const mode = this.#allowedMode();
    const cancel = new AbortController();
    this.#cancel = cancel;
    this.#options.events.clock.calibrate();
    let run: OutgoingRun;
    try {
      run = await mode.begin(this.#options, channels, cancel.signal);
    } catch (error) {
      await this.#unwind(error as Error, cancel.signal);
      throw new QmpError((error as Error).message, 'GenericError', { cause: error });
    }
    this.#run = run;
    this.#finish(run, cancel.signal).catch((error: Error) => {
      this.#options.report(`the migration could not be undone: ${error.message}`);
    });
  }

  /** `migrate` with `resume`: the second step of a hand-over in two. */
  resume(channels: Channels): void {
    const { progress } = this.#options;
    if (progress.status !== 'setup-cpr' || this.#run?.resume === undefined) {
      throw new QmpError('Cannot resume if there is no paused migration');
    }
    this.#run.resume(channels);
  }

  /** `migrate_cancel`: no effect when nothing is under way or it is failing anyway. */
  cancel(): void {
    const { progress } = this.#options;
    const cancel = this.#cancel;
    if (cancel === null || !['setup', 'setup-cpr', 'active', 'device'].includes(progress.status)) return;
    progress.set('cancelling');
    cancel.abort(new Error('the migration was cancelled'));
  }

  /** A file is there at once: it is loaded before the first command is answered. */
  get loadsAtStart(): boolean {
    return this.#options.listenAt?.kind === 'file';
  }

  /** Opens the main channel that the command line named, if it did; a file is loaded when this resolves. */
  async listenAtStart(): Promise<void> {
    const { incoming, listenAt } = this.#options;
    if (incoming === null || listenAt === null) return;
    this.#options.events.clock.calibrate();
    const { loaded } = await incoming.listen({ address: listenAt, exitOnError: true });
    if (this.loadsAtStart) await loaded;
  }

  /** What `migrate-incoming` needs before it looks at its arguments. Throws `QmpError`. */
  requireDeferred(): IncomingMigration {
    const { incoming, listenAt } = this.#options;
    if (incoming === null) throw new QmpError("'-incoming' was not specified on the command line");
    if (listenAt !== null) throw new QmpError('The incoming migration has already been started');
    return incoming;
  }

  /** `migrate-incoming`. */
  async startIncoming(channels: Channels, exitOnError: boolean): Promise<void> {
    const incoming = this.requireDeferred();
    if (channels.cpr !== null) {
      throw new QmpError("the 'cpr' channel is named on the command line, not in migrate-incoming");
    }
    if (channels.main === null) throw new QmpError("missing 'main' migration channel");
    this.#options.events.clock.calibrate();
    this.#isTakingOver = true;
    try {
      await this.#options.introduce();
      await incoming.listen({ address: channels.main, exitOnError });
    } finally {
      this.#isTakingOver = false;
    }
  }

  /** The process ends: nobody is left waiting for us. */
  close(): void {
    this.cancel();
    this.#options.incoming?.close();
  }

  #requireIdle(): void {
    if (this.#options.progress.isUnderWay) throw new QmpError(IN_PROGRESS);
  }

  #allowedMode(): OutgoingMode {
    const runState = this.#options.vm.runState;
    if (runState === 'inmigrate') throw new QmpError('Guest is waiting for an incoming migration');
    this.#requireIdle();
    if (runState === 'postmigrate') {
      throw new QmpError("Can't migrate the vm that was paused due to previous migration");
    }
    const mode = OUTGOING_MODES[this.settings.mode];
    const [blocker] = mode.blockedReasons(this.#options);
    if (blocker !== undefined) throw new QmpError(blocker);
    return mode;
  }

  async #finish(run: OutgoingRun, signal: AbortSignal): Promise<void> {
    try {
      await run.finish();
    } catch (error) {
      await this.#unwind(error as Error, signal);
      return;
    }
    this.#cancel = null;
    if (run.replace === undefined) this.#options.vm.handOvers.done();
    this.#options.progress.set('completed');
    if (run.replace !== undefined) await this.#replace(run.replace());
  }

  /** Only comes back when another program could not take this one's place. */
  async #replace(replaced: Promise<never>): Promise<void> {
    const { progress, vm, report } = this.#options;
    try {
      await replaced;
    } catch (error) {
      const { message } = error as Error;
      report(message);
      progress.because(message);
      progress.set('failed');
      await vm.handOvers.takeBack();
    }
  }

  /** Puts the VM back to what it did; RESUME comes between `failing` and `failed`. */
  async #unwind(error: Error, signal: AbortSignal): Promise<void> {
    const { progress, vm } = this.#options;
    this.#cancel = null;
    if (!progress.isUnderWay) return;
    if (!signal.aborted) {
      progress.because(error.message);
      progress.set('failing');
    }
    await vm.handOvers.takeBack();
    progress.set(signal.aborted ? 'cancelled' : 'failed');
  }
}
