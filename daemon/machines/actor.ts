/**
 * The one owner of one machine's state. Requests are decided at once, by the policy in `machine.ts`; what they
 * start runs one at a time, and while it does, what the instance reports is only remembered. When nothing runs,
 * the state follows what is seen of the instance. Everybody else asks, nobody else writes.
 */
import type { Logger } from 'pino';
import { DAEMON, type Principal } from '../access/principal.js';
import { asRequester } from '../access/requester.js';
import { BatonError, type ErrorCode, messageOf, problemBody } from '../errors.js';
import type { GuestInformation } from '../guest-agent/information.js';
import type { GuestEvent } from '../instance/guest-event.js';
import type { ProcessEnd } from '../instance/program-starter.js';
import type { InstanceOwner, RunningInstance } from '../instance/running-instance.js';
import { ADOPTED_GENERATION, decide, isSaved, type Machine, type MachineAction } from '../machine.js';
import { type Operation, type OperationKind, pointOfNoReturn } from '../operation.js';
import type { PreflightReport, PreflightSource } from '../preflight/preflight.js';
import { isTerminal, type Upgrade, UpgradeError } from '../upgrade.js';
import { changeDocument, type DocumentChange } from './document.js';
import { FrozenGuest } from './frozen-guest.js';
import { type Frozen, GuestAccess } from './guest-access.js';
import { GuestEvents } from './guest-events.js';
import { wayDown, wayUp } from './host-power.js';
import { MachineInstances } from './instances.js';
import { endLook, takeUp } from './interrupted.js';
import * as lifecycle from './lifecycle.js';
import { ObservedState } from './observed-state.js';
import { OperationLog } from './operation-log.js';
import { OperationTurn, type Work } from './operation-turn.js';
import { recordParting, requireAdopted } from './parting.js';
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

/** What a host that goes down asks for. */
const DOWNWARDS: readonly OperationKind[] = ['stop', 'suspend'];

export class MachineActor implements InstanceOwner {
  readonly id: string;
  readonly #services: Services;
  readonly #instances: MachineInstances;
  readonly #operations: OperationLog;
  readonly #log: Logger;
  readonly #observed: ObservedState;
  readonly #turn: OperationTurn;
  readonly #frozen: FrozenGuest;
  readonly #guest: GuestAccess;
  readonly #guestEvents: GuestEvents;

  constructor(services: Services, id: string) {
    this.id = id;
    this.#services = services;
    this.#log = services.log.child({ component: 'machine', machine: id });
    this.#instances = new MachineInstances(services, this, id);
    this.#operations = new OperationLog(services.store, id);
    this.#observed = new ObservedState({
      services,
      instances: this.#instances,
      machineId: id,
      log: this.#log,
      isBusy: () => this.#turn.operation !== null,
    });
    this.#turn = new OperationTurn(this.#operations, this.#observed, this.#log);
    const answerMs = services.deadlinesMs['guest-agent'];
    const access = { observed: this.#observed, look: this.#turn.look, answerMs };
    this.#frozen = new FrozenGuest({ ...access, store: services.store, machineId: id, log: this.#log });
    this.#guestEvents = new GuestEvents({ store: services.store, machineId: id, log: this.#log });
    this.#guest = new GuestAccess({ ...access, frozen: this.#frozen });
  }

  get machine(): Machine {
    return this.#observed.machine;
  }

  start(): Operation {
    return this.#request('start', (signal) => lifecycle.startMachine(this.#hands(), signal), 'running');
  }

  /** As the host shuts down; null: there is nothing to do. What is under way for it already is the answer again. */
  goDown(powerdownMs: number): Operation | null {
    const { machine } = this;
    const underway = this.#turn.operation;
    if (underway !== null && machine.beforeShutdown !== null && DOWNWARDS.includes(underway.kind))
      return underway;
    const way = wayDown(machine);
    if (way === null && underway === null) return null;
    const { store } = this.#services;
    const before = machine.beforeShutdown ?? machine.desiredPower;
    const canSuspend = this.#source()?.build.abilities.modes.includes('cpr-reboot') ?? false;
    const operation = way === 'suspend' && canSuspend ? this.suspend() : this.stop(powerdownMs);
    store.durably(() => store.machines.update(this.id, { beforeShutdown: before }));
    return operation;
  }

  /** As the host has booted; null: there is nothing to do. */
  comeUp(): Operation | null {
    const { store, host } = this.#services;
    const { machine } = this;
    const { currentGeneration: generation, desiredPower } = machine;
    const last = generation === null ? null : store.instances.byGeneration(this.id, generation);
    const isOfEarlierBoot = last !== null && last.process?.bootId !== host.bootId;
    const way = wayUp(machine, desiredPower === 'running' && isOfEarlierBoot);
    if (way === null) {
      store.durably(() => store.machines.update(this.id, { beforeShutdown: null }));
      return null;
    }
    return way === 'restore' ? this.restore(null) : this.start();
  }

  stop(powerdownMs: number): Operation {
    const work: Work = (signal) => lifecycle.stopMachine(this.#hands(), powerdownMs, signal);
    return this.#request('stop', work, 'stopped');
  }

  kill(): Operation {
    const interrupt = this.#turn.interruption();
    const work: Work = async () => {
      await interrupt();
      await lifecycle.killMachine(this.#hands());
    };
    return this.#request('kill', work, 'stopped');
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
      const { guest } = request;
      const generations = { sourceGeneration, targetGeneration };
      store.upgrades.insert({ ...plan, id, machineId, ...generations, wasRunning, guest });
    });
    this.#runUpgrade(operation, instance, null, request);
    return operation;
  }

  /** Whether an upgrade would go well. Changes nothing; an operation that begins meanwhile is not held up. */
  preflight(request: PreflightQuestion, signal: AbortSignal): Promise<PreflightReport> {
    const machine = this.machine;
    const { build, mode: requested, allowDowntime, force: forced, rehearse } = request;
    const target = targetBuildOf(this.#services, machine, build);
    const holdMachine = this.#turn.look;
    const source = this.#source();
    const examination = { machine, source, target, requested, allowDowntime, forced, rehearse, holdMachine };
    return this.#services.preflight.examine(examination, signal);
  }

  /** What its guest says of itself. */
  async inspectGuest(): Promise<GuestInformation> {
    this.#decide('inspect');
    return this.#guest.inspect();
  }

  async freezeGuest(maxMs: number): Promise<Frozen> {
    this.#decide('freeze');
    return this.#guest.freeze(maxMs);
  }

  /** Returns how many filesystems. */
  async thawGuest(): Promise<number> {
    this.#decide('thaw');
    return this.#guest.thaw();
  }

  /** Heard until the commit. */
  cancel(operationId: string): void {
    const { operation } = this.#turn;
    const { store } = this.#services;
    const now = store.operations.byId(operationId);
    if (now === null || operation?.id !== operationId) throw notCancellable(operationId, 'has ended', now);
    switch (pointOfNoReturn(now)) {
      case 'none':
        throw notCancellable(operationId, `is a ${now.kind}: only upgrades can be cancelled`, now);
      case 'passed':
        throw notCancellable(operationId, 'has committed: the source cannot run again', now);
      case 'ahead':
    }
    store.durably(() => store.upgrades.requestCancel(operationId));
    this.#turn.abort(new UpgradeError('cancelled', 'it was cancelled'));
  }

  change(change: DocumentChange): Machine {
    this.#decide('change');
    return changeDocument(this.#services, this.machine, change);
  }

  delete(): void {
    this.#decide('delete');
    const { machine } = this;
    recordParting(this.#services.store, machine, 'baton.machine.deleted');
    this.#retire();
    this.#services.consoles.forget(this.id);
    this.#instances.removeAll(machine);
  }

  /** The opposite of an adoption: forgotten here, left to run. */
  letGo(): void {
    const { machine } = this;
    requireAdopted(machine);
    this.#decide('release');
    recordParting(this.#services.store, machine, 'baton.machine.released');
    this.release();
    this.#services.consoles.forget(this.id);
    /* A process that was started here has its sockets and logs in our folders. */
    if (machine.currentGeneration === ADOPTED_GENERATION) this.#instances.removeAll(machine);
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#turn.idle();
  }

  /** The daemon goes away, the machine runs on. */
  release(): void {
    this.#retire();
    this.#observed.current?.release();
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
      this.#frozen.makeDue();
      return;
    }
    const { savedState, currentGeneration } = this.machine;
    this.#observed.current = isSaved(savedState) ? null : ofGeneration(currentGeneration);
    await this.#killStrays(alive.filter((instance) => instance !== this.#observed.current));
    if (operation !== null) await asRequester(operation.requester, () => this.#endInterrupted(operation));
    await endLook(this.#observed.current, this.#log);
    if (this.machine.savedState === null) await new StateFile(this.#services.stateDir, this.id).remove();
    if (this.#observed.current !== null && !this.#observed.current.isAnswering)
      this.#observed.current.reconnectLater();
    this.#observed.settle();
    this.#frozen.makeDue();
  }

  instanceChanged(instance: RunningInstance): void {
    asRequester(this.#workingFor, () => this.#observed.changed(instance));
  }

  instanceEnded(instance: RunningInstance, end: ProcessEnd): void {
    asRequester(this.#workingFor, () => this.#observed.ended(instance, end));
  }

  /** Not who started the instance, when something happens to it much later. */
  get #workingFor(): Principal {
    return this.#turn.operation?.requester ?? DAEMON;
  }

  guestTold({ generation }: RunningInstance, event: GuestEvent): void {
    this.#guestEvents.tell(generation, event);
  }

  #retire(): void {
    this.#guestEvents.retire();
    this.#observed.retire();
    this.#frozen.retire();
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

  #source(): PreflightSource | null {
    const instance = this.#observed.current;
    const { store, builds } = this.#services;
    const row = instance && store.instances.byGeneration(this.id, instance.generation);
    if (instance === null || instance.hasEnded || row === null) return null;
    return { instance, build: builds.byId(row.buildId), wasRunning: this.machine.state === 'running' };
  }

  #decide(action: MachineAction): 'run' | 'already' {
    this.#observed.catchUp();
    const { operation } = this.#turn;
    const decision = decide(action, { state: this.machine.state, operation });
    if (decision.kind !== 'refuse') return decision.kind;
    const details = operation === null ? {} : { operation: `/v1/operations/${operation.id}` };
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
      store.machines.update(this.id, { desiredPower, beforeShutdown: null });
    });
    if (decision === 'already') {
      return this.#operations.end(operation, 'succeeded', null);
    }
    this.#turn.run(operation, work);
    return operation;
  }

  #runUpgrade(
    operation: Operation,
    source: RunningInstance | null,
    target: RunningInstance | null,
    /** Null: it is taken up after a restart of the daemon. */
    request: UpgradeRequest | null,
  ): void {
    const upgrade = this.#services.store.upgrades.byId(operation.id) as Upgrade;
    const observed = this.#observed;
    observed.current = source;
    let isDoubtful = false;
    const work: Work = async (cancel) => {
      observed.current = await runUpgrade({
        services: this.#services,
        instances: this.#instances,
        frozen: this.#frozen,
        machine: this.machine,
        upgrade,
        source,
        target,
        recovering: request === null,
        request,
        cancel,
        log: this.#log.child({ upgrade: upgrade.id }),
        writeEnd: (outcome) => {
          this.#operations.endUpgrade(operation, upgrade, outcome);
          if (outcome.state === 'succeeded') this.#services.builds.follow(this.machine, upgrade.targetBuild);
          else isDoubtful = true;
        },
      });
    };
    this.#turn.runToItsEnd(operation, work, (error) => {
      if (error !== null) return this.#abandonUpgrade(operation, upgrade, error);
      observed.settle();
      if (isDoubtful) observed.lookAgain();
    });
  }

  #abandonUpgrade(operation: Operation, upgrade: Upgrade, error: unknown): void {
    this.#log.fatal({ err: error, upgrade: upgrade.id }, 'the upgrade engine broke');
    try {
      this.#operations.abandonUpgrade(operation, upgrade, messageOf(error));
    } catch (failure) {
      this.#log.error({ err: failure, upgrade: upgrade.id }, 'the end of the upgrade could not be written');
    }
  }

  #hands(): lifecycle.ActorHands {
    return {
      services: this.#services,
      instances: this.#instances,
      machine: this.machine,
      current: this.#observed.current,
      setCurrent: (instance) => {
        this.#observed.current = instance;
      },
      setState: (state, reason, change) => this.#observed.set(state, reason, change),
    };
  }
}

function notCancellable(id: string, why: string, operation: Operation | null): BatonError {
  const details = operation === null ? {} : { pointOfNoReturn: pointOfNoReturn(operation) };
  return new BatonError('not_cancellable', `operation ${id} ${why}`, { details });
}
