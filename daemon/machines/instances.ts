/**
 * The processes of one machine: starting one, knowing it on disk before and after, finding it again, and
 * recording its end. Only the machine's actor uses this.
 */
import type { Build } from '../build.js';
import { messageOf } from '../errors.js';
import type { EventData } from '../event-types.js';
import { publishedSockets } from '../instance/adopted-sockets.js';
import type { CommandLine, Incoming } from '../instance/driver.js';
import { launch, makeSuccessorFolders } from '../instance/launch.js';
import type { ProcessEnd } from '../instance/program-starter.js';
import { publish, unpublish } from '../instance/published-sockets.js';
import { describeEnd, type InstanceOwner, RunningInstance } from '../instance/running-instance.js';
import { takeTaps } from '../instance/taps.js';
import { removeVmmFolderSync } from '../instance/vmm-folder.js';
import { type Instance, instancePaths, type ProcessIdentity } from '../instance.js';
import { ADOPTED_GENERATION, type AdoptedLine, type Machine, shortId } from '../machine.js';
import type { Services } from './services.js';

const KILL_DEADLINE_MS = 10_000;
/** Logs of older generations go: a machine that is upgraded for years must not fill the disk. */
const KEPT_LOG_GENERATIONS = 8;
const UNKNOWN_END: ProcessEnd = { exitCode: null, exitSignal: null };

export interface LaunchRequest {
  readonly machine: Machine;
  readonly generation: number;
  readonly build: Build;
  /** A target of an upgrade; otherwise the instance is the machine's current one from now on. */
  readonly incoming: Incoming | null;
}

/** Short for sockets, whose paths have 107 bytes; elsewhere for what is to stay. */
export function instanceFolders(
  { stateDir, runtimeDir }: Pick<Services, 'stateDir' | 'runtimeDir'>,
  machineId: string,
  generation: number,
): Pick<Instance, 'socketsDir' | 'logsDir'> {
  return {
    socketsDir: `${runtimeDir}/${shortId(machineId)}/${generation}`,
    logsDir: `${stateDir}/machines/${machineId}/${generation}`,
  };
}

function replacedBy(generation: number): string {
  return `its process runs generation ${generation} now`;
}

function isSame(one: ProcessIdentity | null, another: ProcessIdentity): boolean {
  return (
    one !== null &&
    one.pid === another.pid &&
    one.startTicks === another.startTicks &&
    one.bootId === another.bootId
  );
}

export class MachineInstances {
  readonly #services: Services;
  readonly #owner: InstanceOwner;
  readonly #machineId: string;
  /** By generation. */
  #isWarned = false;
  readonly #unwritten = new Map<number, ProcessEnd & { readonly reason: string }>();

  constructor(services: Services, owner: InstanceOwner, machineId: string) {
    this.#services = services;
    this.#owner = owner;
    this.#machineId = machineId;
  }

  nextGeneration(): number {
    return this.#services.store.instances.nextGeneration(this.#machineId);
  }

  async launch({ machine, generation, build, incoming }: LaunchRequest): Promise<RunningInstance> {
    const { store, host, builds, journalObserver } = this.#services;
    const folders = this.#folders(generation);
    const paths = instancePaths(folders);
    store.durably(() => {
      store.instances.insert({ machineId: machine.id, generation, buildId: build.id, ...folders });
      if (incoming === null) store.machines.update(machine.id, { currentGeneration: generation });
    });
    this.#removeLogs(generation - KEPT_LOG_GENERATIONS);
    let launched: Awaited<ReturnType<typeof launch>>;
    try {
      const driver = builds.driver(build.kind);
      const commandLine = driver.commandLine({ machine, build, paths, incoming });
      const fds = driver.carriesNetwork ? [] : await takeTaps(machine.spec, this.#processes(), host);
      launched = await launch(folders, { ...commandLine, fds }, host);
    } catch (error) {
      this.recordEnd(generation, UNKNOWN_END, `it could not be started: ${messageOf(error)}`);
      throw error;
    }
    journalObserver(incoming === null ? 'spawned' : 'spawned:target');
    const { process, end } = launched;
    const instance = new RunningInstance({ generation, paths, process, end, host, owner: this.#owner });
    try {
      store.durably(() => {
        store.instances.setAlive(machine.id, generation, process);
        this.#emitStarted({ generation, pid: process.pid, build: build.id });
      });
    } catch (error) {
      await host.kill(process, KILL_DEADLINE_MS);
      throw error;
    }
    return instance;
  }

  /** Writes down that the process of `source` is about to run this instance's program. The caller makes it so. */
  announce({ machine, generation, build, incoming }: LaunchRequest, source: RunningInstance): CommandLine {
    const { store, builds, journalObserver } = this.#services;
    const folders = this.#folders(generation);
    const paths = instancePaths(folders);
    store.durably(() => {
      const instance = { machineId: machine.id, generation, buildId: build.id, ...folders };
      store.instances.insert(instance, source.process);
    });
    journalObserver('announced');
    this.#removeLogs(generation - KEPT_LOG_GENERATIONS);
    makeSuccessorFolders(folders, source.paths);
    return builds.driver(build.kind).commandLine({ machine, build, paths, incoming });
  }

  /** The process of `source` runs what was announced. */
  replace(source: RunningInstance, generation: number): RunningInstance {
    const { store, journalObserver } = this.#services;
    const { pid } = source.process;
    const end = { ...UNKNOWN_END, reason: replacedBy(generation) };
    const build = store.instances.byGeneration(this.#machineId, generation)?.buildId ?? null;
    this.removeSockets(source.generation);
    store.quickly(() => {
      store.instances.setGone(this.#machineId, source.generation, end);
      store.instances.setAlive(this.#machineId, generation, source.process);
      this.#emitEnded({ generation: source.generation, ...end });
      this.#emitStarted({ generation, pid, build });
    });
    journalObserver('replaced');
    return source.replacedBy(generation, instancePaths(this.#folders(generation)));
  }

  /** The instances that live, those included that an earlier daemon had started but not yet written down. */
  adopt(): RunningInstance[] {
    const { store, host } = this.#services;
    const rows = store.instances.ofMachine(this.#machineId).filter(({ state }) => state !== 'gone');
    return rows.flatMap((row) => {
      const { generation } = row;
      const process = row.process ?? this.#findUnrecorded(row);
      if (process === null || !host.isAlive(process)) {
        this.recordEnd(generation, UNKNOWN_END, 'it ended while the daemon was not running');
        return [];
      }
      const other = rows.find((each) => each !== row && isSame(each.process, process));
      if (other !== undefined && this.#runs(process, row, other) !== row) {
        const isReplaced = other.generation > generation;
        const reason = isReplaced ? replacedBy(other.generation) : 'its program was never run';
        this.recordEnd(generation, UNKNOWN_END, reason);
        return [];
      }
      if (row.state === 'starting') {
        store.durably(() => store.instances.setAlive(this.#machineId, generation, process));
      }
      const paths = instancePaths(row);
      return [new RunningInstance({ generation, paths, process, end: null, host, owner: this.#owner })];
    });
  }

  /** Before a vCPU may run: nothing else of this machine is there, whatever an upgrade could not end. */
  async fenceOthers(generation: number): Promise<void> {
    const { store, host } = this.#services;
    for (const other of store.instances.ofMachine(this.#machineId)) {
      if (other.generation === generation || other.state === 'gone' || other.process === null) continue;
      await host.kill(other.process, KILL_DEADLINE_MS);
    }
  }

  async kill(instance: RunningInstance): Promise<void> {
    await this.#services.host.kill(instance.process, KILL_DEADLINE_MS);
    await instance.endRecorded();
  }

  /**
   * Nothing to do when it was recorded before. Never throws: the end has happened, recorded or not. Sockets that
   * a VMM could not remove itself go too: nobody listens there any more.
   */
  recordEnd(generation: number, end: ProcessEnd, reason: string = describeEnd(end)): void {
    const { log } = this.#services;
    this.#unwritten.set(generation, { ...end, reason });
    try {
      this.removeSockets(generation);
      this.writeEnds();
    } catch (error) {
      log.error({ err: error, generation }, 'the end of an instance could not be written');
    }
  }

  /** Those too that the store did not take when they happened. Throws when it still does not. */
  writeEnds(): void {
    const { store } = this.#services;
    for (const [generation, end] of this.#unwritten) {
      store.durably(() => {
        if (!store.instances.setGone(this.#machineId, generation, end)) return;
        this.#emitEnded({ generation, ...end });
      });
      this.#unwritten.delete(generation);
    }
  }

  #processes(): ProcessIdentity[] {
    const rows = this.#services.store.instances.ofMachine(this.#machineId);
    return rows.flatMap(({ state, process }) => (state === 'gone' || process === null ? [] : [process]));
  }

  #removeLogs(generation: number): void {
    const instance = this.#services.store.instances.byGeneration(this.#machineId, generation);
    if (instance?.state === 'gone') removeVmmFolderSync(instance.logsDir);
  }

  /** One that has ended, or that never came to be. */
  discard(generation: number): void {
    this.recordEnd(generation, UNKNOWN_END, 'its program was never run');
  }

  /** The sockets; the logs of the newest generations stay for the operator. */
  removeSockets(generation: number): void {
    removeVmmFolderSync(this.#folders(generation).socketsDir);
  }

  /** Where people knew the sockets of an adopted process, those of the newest are found. */
  publishSockets(line: AdoptedLine, { generation, paths }: RunningInstance): void {
    if (generation === ADOPTED_GENERATION) return;
    try {
      const refused = publish(publishedSockets(line, paths), this.#ownFolder);
      if (refused.length > 0) this.#warnOnce(refused);
    } catch (error) {
      this.#services.log.warn({ err: error, machine: this.#machineId }, 'sockets could not be published');
    }
  }

  #warnOnce(refused: readonly string[]): void {
    if (this.#isWarned) return;
    this.#isWarned = true;
    this.#services.log.warn({ machine: this.#machineId, refused }, 'paths of sockets belong to others');
  }

  get #ownFolder(): string {
    return `${this.#services.runtimeDir}/${shortId(this.#machineId)}`;
  }

  removeAll({ adopted }: Pick<Machine, 'adopted'>): void {
    const { stateDir, runtimeDir } = this.#services;
    if (adopted !== null)
      unpublish(publishedSockets(adopted, instancePaths(this.#folders(1))), this.#ownFolder);
    removeVmmFolderSync(`${runtimeDir}/${shortId(this.#machineId)}`);
    removeVmmFolderSync(`${stateDir}/machines/${this.#machineId}`);
  }

  /** Which of two instances a process runs, one of which was to become the other: its command line tells. */
  #runs(process: ProcessIdentity, one: Instance, another: Instance): Instance {
    const [older, newer] = one.generation < another.generation ? [one, another] : [another, one];
    const monitor = instancePaths(older).qmp;
    const line = this.#services.host.argumentsOf(process);
    return line.some((argument) => argument.includes(monitor)) ? older : newer;
  }

  #findUnrecorded(row: Instance): ProcessIdentity | null {
    const { host } = this.#services;
    // As a VMM is told to serve it: a program that merely uses or names the socket is not the machine.
    const [found] = host.findByArgument(`unix:${instancePaths(row).qmp},server=on`);
    return found ?? null;
  }

  #folders(generation: number): Pick<Instance, 'socketsDir' | 'logsDir'> {
    return instanceFolders(this.#services, this.#machineId, generation);
  }

  #emitStarted(data: EventData<'baton.instance.started'>): void {
    const { store } = this.#services;
    store.emit({ type: 'baton.instance.started', subject: `machines/${this.#machineId}`, data });
  }

  #emitEnded(data: EventData<'baton.instance.ended'>): void {
    const { store } = this.#services;
    store.emit({ type: 'baton.instance.ended', subject: `machines/${this.#machineId}`, data });
  }
}
