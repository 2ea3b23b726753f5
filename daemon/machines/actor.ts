/**
 * The one owner of one machine's state. Requests are decided at once, by the policy in `machine.ts`; what they
 * start runs one at a time, and while it does, what the instance reports is only remembered. When nothing runs,
 * the state follows what is seen of the instance. Everybody else asks, nobody else writes.
 */
import type { Logger } from 'pino';
import { BatonError, type ErrorCode, messageOf, problemBody } from '../errors.js';
import type { ProcessEnd } from '../instance/launch.js';
import type { InstanceOwner, RunningInstance } from '../instance/running-instance.js';
import {
  ADOPTED_GENERATION,
  decide,
  isSaved,
  type Machine,
  type MachineAction,
  type MachineState,
} from '../machine.js';
import type { Operation, OperationKind } from '../operation.js';
import type { HoldMachine, PreflightReport, PreflightSource } from '../preflight/preflight.js';
import { resetMode } from '../preflight/source-facts.js';
import type { MachineChange } from '../store/machines.js';
import { isTerminal, type Upgrade, UpgradeError } from '../upgrade.js';
import { changeDocument, type DocumentChange } from './document.js';
import { MachineHold } from './hold.js';
import { MachineInstances } from './instances.js';
import { takeUp } from './interrupted.js';
import * as lifecycle from './lifecycle.js';
import { observe } from './observe.js';
import { OperationLog, toProblem } from './operation-log.js';
import { discardState, restoreMachine, restoringBuild } from './restore.js';
import type { Services } from './services.js';
import { StateFile } from './state-file.js';
import { suspendMachine } from './suspend.js';
import {
  type PreflightQuestion,
  planUpgrade,
  targetBuildOf,
  type UpgradeRequest,
} from './upgrade-request.js';
import { runUpgrade } from './upgrading.js';

/** A full disk is made room on; nobody else looks at an ended VMM again. */
const SETTLE_AGAIN_MS = 1_000;

const LOOK_AGAIN_DEADLINE_MS = 1_000;

type Work = (signal: AbortSignal) => Promise<void>;

interface Underway {
  readonly operation: Operation;
  readonly abort: AbortController;
  done: Promise<void>;
}

export class MachineActor implements InstanceOwner {
  readonly id: string;
  readonly #services: Services;
  readonly #instances: MachineInstances;
  readonly #operations: OperationLog;
  readonly #log: Logger;
  readonly #hold = new MachineHold();
  #current: RunningInstance | null = null;
  #ends = new WeakMap<RunningInstance, ProcessEnd>();
  #underway: Underway | null = null;
  /** Deleted, or let go by a daemon that ends. */
  #isRetired = false;
  /** Set while the store has not taken what was seen last. */
  #settleTimer: NodeJS.Timeout | null = null;

  constructor(services: Services, id: string) {
    this.id = id;
    this.#services = services;
    this.#log = services.log.child({ component: 'machine', machine: id });
    this.#instances = new MachineInstances(services, this, id);
    this.#operations = new OperationLog(services.store, id);
  }

  get machine(): Machine {
    const machine = this.#services.store.machines.byId(this.id);
    if (machine === null)
      throw new BatonError('machine_not_found', `there is no machine ${this.id} any more`);
    return machine;
  }

  start(): Operation {
    return this.#request('start', (signal) => lifecycle.startMachine(this.#hands(), signal), 'running');
  }

  stop(powerdownMs: number): Operation {
    const work: Work = (signal) => lifecycle.stopMachine(this.#hands(), powerdownMs, signal);
    return this.#request('stop', work, 'stopped');
  }

  kill(): Operation {
    const interrupted = this.#underway;
    return this.#request(
      'kill',
      async () => {
        interrupted?.abort.abort(new Interrupted());
        await interrupted?.done;
        await lifecycle.killMachine(this.#hands());
      },
      'stopped',
    );
  }

  pause(): Operation {
    return this.#request('pause', (signal) => lifecycle.pauseMachine(this.#hands(), signal), 'paused');
  }

  resume(): Operation {
    return this.#request('resume', (signal) => lifecycle.resumeMachine(this.#hands(), signal), 'running');
  }

  suspend(): Operation {
    const source = this.#source();
    if (source !== null && !source.build.abilities.modes.includes('cpr-reboot')) {
      const message = `build ${source.build.id} cannot save a guest (it does not know cpr-reboot): upgrade the machine to one that can, or stop it`;
      throw new BatonError('suspend_not_supported', message);
    }
    return this.#request('suspend', (signal) => suspendMachine(this.#hands(), signal), 'suspended');
  }

  /** `named`: another build than the one that saved it. */
  restore(named: string | null): Operation {
    this.#decide('restore');
    restoringBuild(this.#services, this.machine, named);
    const desiredPower = this.machine.savedState?.wasRunning ? 'running' : 'paused';
    return this.#request('restore', (signal) => restoreMachine(this.#hands(), named, signal), desiredPower);
  }

  discard(): Operation {
    return this.#request('discard', () => discardState(this.#hands()), 'stopped');
  }

  upgrade(request: UpgradeRequest): Operation {
    this.#decide('upgrade');
    const { store } = this.#services;
    const machine = this.machine;
    const source = this.#source();
    if (source === null) {
      throw new BatonError('wrong_state', `machine ${machine.name} has no VMM process: start it first`);
    }
    const { instance, build, wasRunning } = source;
    const sides = { source: build, target: targetBuildOf(this.#services, machine, request.build) };
    const plan = planUpgrade(this.#services, machine, sides, request.mode);
    const id = this.#services.newId();
    const operation = this.#operations.begin('upgrade', id, () => {
      const sourceGeneration = instance.generation;
      const targetGeneration = this.#instances.nextGeneration();
      const machineId = this.id;
      store.upgrades.insert({ ...plan, id, machineId, sourceGeneration, targetGeneration, wasRunning });
    });
    this.#runUpgrade(operation, instance, null, request);
    return operation;
  }

  /** Whether an upgrade would go well. Changes nothing; an operation that begins meanwhile is not held up. */
  preflight(request: PreflightQuestion, signal: AbortSignal): Promise<PreflightReport> {
    const machine = this.machine;
    const { build, mode: requested, allowDowntime, force: forced, rehearse } = request;
    const target = targetBuildOf(this.#services, machine, build);
    const holdMachine: HoldMachine = (work) => this.#hold.run(() => this.#underway !== null, work);
    const source = this.#source();
    const examination = { machine, source, target, requested, allowDowntime, forced, rehearse, holdMachine };
    return this.#services.preflight.examine(examination, signal);
  }

  /** Heard until the commit. */
  cancel(operationId: string): void {
    const underway = this.#underway;
    const refuse = (why: string) => new BatonError('not_cancellable', `operation ${operationId} ${why}`);
    if (underway?.operation.id !== operationId) throw refuse('has ended');
    const upgrade = this.#services.store.upgrades.byId(operationId);
    if (upgrade === null) throw refuse(`is a ${underway.operation.kind}: only upgrades can be cancelled`);
    if (upgrade.committed) throw refuse('has committed: the source cannot run again');
    this.#services.store.durably(() => this.#services.store.upgrades.requestCancel(operationId));
    underway.abort.abort(new UpgradeError('cancelled', 'it was cancelled'));
  }

  change(change: DocumentChange): Machine {
    this.#decide('change');
    return changeDocument(this.#services, this.machine, change);
  }

  delete(): void {
    this.#decide('delete');
    const { store } = this.#services;
    const machine = this.machine;
    const { name } = machine;
    store.durably(() => {
      store.machines.delete(this.id);
      store.emit({ type: 'baton.machine.deleted', subject: `machines/${this.id}`, data: { name } });
    });
    this.#retire();
    this.#services.consoles.forget(this.id);
    this.#instances.removeAll(machine);
  }

  /** The opposite of an adoption: forgotten here, left to run. */
  letGo(): void {
    const machine = this.machine;
    if (machine.adopted === null) {
      throw new BatonError('not_adopted', `machine ${machine.name} was created here: stop it and delete it`);
    }
    this.#decide('release');
    const { store } = this.#services;
    store.durably(() => {
      store.machines.delete(this.id);
      const data = { name: machine.name };
      store.emit({ type: 'baton.machine.released', subject: `machines/${this.id}`, data });
    });
    this.release();
    this.#services.consoles.forget(this.id);
    /* A process that was started here has its sockets and logs in our folders. */
    if (machine.currentGeneration === ADOPTED_GENERATION) this.#instances.removeAll(machine);
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#underway !== null) await this.#underway.done;
  }

  /** The daemon goes away, the machine runs on. */
  release(): void {
    this.#retire();
    this.#current?.release();
  }

  /** Finds the machine's processes again and takes up what an earlier daemon left unfinished. */
  async recover(connectDeadlineMs: number): Promise<void> {
    const { store } = this.#services;
    const alive = this.#instances.adopt();
    const connecting = alive.map((instance) =>
      instance.connect({ deadlineMs: connectDeadlineMs }).catch((error) => {
        this.#log.warn({ err: error, generation: instance.generation }, 'monitor does not answer');
      }),
    );
    await Promise.all(connecting);
    const operation = store.operations.running().find(({ machineId }) => machineId === this.id) ?? null;
    const upgrade = operation && store.upgrades.byId(operation.id);
    const ofGeneration = (generation: number | null) =>
      alive.find((instance) => instance.generation === generation && !instance.hasEnded) ?? null;
    if (operation !== null && upgrade !== null && !isTerminal(upgrade.state)) {
      const source = ofGeneration(upgrade.restoredGeneration ?? upgrade.sourceGeneration);
      const target = ofGeneration(upgrade.targetGeneration);
      await this.#killStrays(alive.filter((instance) => instance !== source && instance !== target));
      this.#runUpgrade(operation, source, target, null);
      return;
    }
    const { savedState, currentGeneration } = this.machine;
    this.#current = isSaved(savedState) ? null : ofGeneration(currentGeneration);
    await this.#killStrays(alive.filter((instance) => instance !== this.#current));
    if (operation !== null) await this.#endInterrupted(operation);
    await this.#endLook();
    if (this.machine.savedState === null) await new StateFile(this.#services.stateDir, this.id).remove();
    if (this.#current !== null && !this.#current.isAnswering) this.#current.reconnectLater();
    this.#settle();
  }

  instanceChanged(instance: RunningInstance): void {
    if (instance === this.#current && this.#underway === null) this.#settle();
  }

  instanceEnded(instance: RunningInstance, end: ProcessEnd): void {
    this.#ends.set(instance, end);
    this.#instances.recordEnd(instance.generation, end);
    if (this.#underway === null && !this.#isRetired) this.#settle();
  }

  async #killStrays(strays: readonly RunningInstance[]): Promise<void> {
    for (const instance of strays) {
      if (instance.hasEnded) continue;
      this.#log.warn({ generation: instance.generation }, 'killing a VMM that nobody wants');
      await this.#instances.kill(instance);
    }
  }

  async #endInterrupted(operation: Operation): Promise<void> {
    const succeeded = await takeUp(this.#hands(), operation);
    const message = `the daemon ended during the ${operation.kind}; look at the machine's state and ask again`;
    const error = succeeded ? null : problemBody(new BatonError('daemon_restarted', message));
    this.#operations.end(operation, succeeded ? 'succeeded' : 'failed', error);
  }

  /** A daemon that died while it looked at the VMM may have left it in a mode in which snapshots have no memory. */
  async #endLook(): Promise<void> {
    const current = this.#current;
    if (current === null || current.hasEnded || !current.isAnswering) return;
    await resetMode(current).catch((error) => {
      this.#log.warn({ err: error, generation: current.generation }, 'migration mode not set back');
    });
  }

  #source(): PreflightSource | null {
    const instance = this.#current;
    const { store, builds } = this.#services;
    const row = instance && store.instances.byGeneration(this.id, instance.generation);
    if (instance === null || instance.hasEnded || row === null) return null;
    return { instance, build: builds.byId(row.buildId), wasRunning: this.machine.state === 'running' };
  }

  #decide(action: MachineAction): 'run' | 'already' {
    if (this.#settleTimer !== null && this.#underway === null) this.#settle();
    const decision = decide(action, {
      state: this.machine.state,
      operation: this.#underway?.operation ?? null,
    });
    if (decision.kind !== 'refuse') return decision.kind;
    const details =
      this.#underway === null ? {} : { operation: `/v1/operations/${this.#underway.operation.id}` };
    throw new BatonError(decision.code as ErrorCode, decision.message, { details });
  }

  #request(
    action: Exclude<OperationKind, 'upgrade'>,
    work: Work,
    desiredPower: Machine['desiredPower'],
  ): Operation {
    const decision = this.#decide(action);
    const { store } = this.#services;
    const operation = this.#operations.begin(action, this.#services.newId(), () => {
      store.machines.update(this.id, { desiredPower });
    });
    if (decision === 'already') {
      return this.#operations.end(operation, 'succeeded', null);
    }
    this.#run(operation, work);
    return operation;
  }

  #run(operation: Operation, work: Work): void {
    const abort = new AbortController();
    const underway: Underway = { operation, abort, done: Promise.resolve() };
    this.#underway = underway;
    underway.done = this.#execute(underway, work);
  }

  async #execute(underway: Underway, work: Work): Promise<void> {
    const { operation, abort } = underway;
    let failure: unknown = null;
    try {
      if (operation.kind !== 'kill') await this.#hold.takeBack();
      await work(abort.signal);
    } catch (error) {
      failure = error;
      if (!abort.signal.aborted)
        this.#log.error({ err: error, operation: operation.kind }, 'operation failed');
    }
    /* A kill that broke in owns the machine already. */
    if (this.#underway === underway) this.#underway = null;
    try {
      if (this.#underway === null) this.#settle();
      if (failure !== null) this.#lookAgain();
      if (failure === null) this.#operations.end(operation, 'succeeded', null);
      else this.#operations.end(operation, abort.signal.aborted ? 'cancelled' : 'failed', toProblem(failure));
    } catch (error) {
      this.#log.error(
        { err: error, operation: operation.id },
        'the end of an operation could not be written',
      );
    }
  }

  /** After what went wrong: a VMM that has stopped answering must not be shown as it last was. */
  #lookAgain(): void {
    const current = this.#current;
    if (current === null || current.hasEnded || !current.isAnswering) return;
    current.queryStatus({ deadlineMs: LOOK_AGAIN_DEADLINE_MS }).catch(() => {
      if (this.#underway === null) current.doubt();
    });
  }

  #runUpgrade(
    operation: Operation,
    source: RunningInstance | null,
    target: RunningInstance | null,
    /** Null: it is taken up after a restart of the daemon. */
    request: UpgradeRequest | null,
  ): void {
    const upgrade = this.#services.store.upgrades.byId(operation.id) as Upgrade;
    const abort = new AbortController();
    const underway: Underway = { operation, abort, done: Promise.resolve() };
    this.#underway = underway;
    this.#current = source;
    const run = async () => {
      let isDoubtful = false;
      await this.#hold.takeBack();
      const left = await runUpgrade({
        services: this.#services,
        instances: this.#instances,
        machine: this.machine,
        upgrade,
        source,
        target,
        recovering: request === null,
        request,
        cancel: abort.signal,
        log: this.#log.child({ upgrade: upgrade.id }),
        writeEnd: (outcome) => {
          this.#operations.endUpgrade(operation, upgrade, outcome);
          if (outcome.state === 'succeeded') this.#services.builds.follow(this.machine, upgrade.targetBuild);
          else isDoubtful = true;
        },
      });
      const { currentGeneration } = this.machine;
      const isCurrent = (side: RunningInstance | null) => side?.generation === currentGeneration;
      const current = [left.source, left.target].find(isCurrent) ?? null;
      /* A source that became a target which could not be gone back from: its process is all that there was. */
      const wasReplaced = source !== null && left.source === null;
      this.#current = current ?? (wasReplaced ? left.target : null);
      this.#underway = null;
      this.#settle();
      if (isDoubtful) this.#lookAgain();
    };
    underway.done = run().catch((error) => {
      this.#log.fatal({ err: error, upgrade: upgrade.id }, 'the upgrade engine broke');
      this.#underway = null;
      try {
        this.#operations.abandonUpgrade(operation, upgrade, messageOf(error));
      } catch (failure) {
        this.#log.error({ err: failure, upgrade: upgrade.id }, 'the end of the upgrade could not be written');
      }
    });
  }

  #hands(): lifecycle.ActorHands {
    return {
      services: this.#services,
      instances: this.#instances,
      machine: this.machine,
      current: this.#current,
      setCurrent: (instance) => {
        this.#current = instance;
      },
      setState: (state, reason, change = {}) => this.#setState(state, reason, change),
    };
  }

  /** Makes the recorded state agree with what is seen, later if the store does not take it. Never throws. */
  #settle(): void {
    this.#forgetSettling();
    try {
      this.#instances.writeEnds();
      const { state, savedState } = this.machine;
      const current = this.#current;
      if (isSaved(savedState)) {
        this.#setState('suspended', 'its guest is saved', {});
        if (current?.hasEnded) this.#current = null;
        return;
      }
      if (current === null) {
        const wasAlive = state !== 'stopped' && state !== 'crashed';
        if (wasAlive) this.#setState('crashed', 'the VMM ended while the daemon was not running', {});
        return;
      }
      if (this.machine.adopted !== null) this.#instances.publishSockets(this.machine.adopted, current);
      const { shutdownReason, isAnswering, runStatus } = current;
      const end = this.#ends.get(current) ?? null;
      const seen = observe({ end, shutdownReason, isAnswering, runStatus });
      const asked = end !== null && this.machine.desiredPower === 'stopped';
      const change = seen.state === 'stopped' ? ({ desiredPower: 'stopped' } as const) : {};
      if (asked) this.#setState('stopped', 'stopped', {});
      else this.#setState(seen.state, seen.reason, change);
      if (end !== null) this.#current = null;
    } catch (error) {
      this.#log.error({ err: error }, "the machine's state could not be written");
      if (this.#isRetired) return;
      const settle = () => (this.#underway === null ? this.#settle() : this.#forgetSettling());
      this.#settleTimer = setTimeout(settle, SETTLE_AGAIN_MS).unref();
    }
  }

  #retire(): void {
    this.#isRetired = true;
    this.#forgetSettling();
  }

  #forgetSettling(): void {
    if (this.#settleTimer !== null) clearTimeout(this.#settleTimer);
    this.#settleTimer = null;
  }

  #setState(state: MachineState, reason: string, change: MachineChange): void {
    const { store } = this.#services;
    const before = this.machine;
    if (before.state === state && before.stateReason === reason) return;
    store.durably(() => {
      store.machines.update(this.id, { ...change, state, stateReason: reason });
      if (before.state === state) return;
      const data = { state, from: before.state, reason };
      store.emit({ type: 'baton.machine.state-changed', subject: `machines/${this.id}`, data });
    });
  }
}

class Interrupted extends BatonError {
  constructor() {
    super('vmm_failed', 'the operation was ended by a kill');
  }
}
