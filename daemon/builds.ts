/**
 * The builds that machines can be started on and upgraded to. A build is asked what it is by running it. What a
 * machine runs on is decided here, in one place for start, upgrade and restore: never on another content than the
 * one that was registered, never against the machine's pin and deny list.
 */
import { createHash } from 'node:crypto';
import { isAbsolute } from 'node:path';
import type { Build, BuildKind, FileState } from './build.js';
import { BatonError, messageOf } from './errors.js';
import { ContentHashes, type StatFile, stampOf, statOnce } from './instance/content-hash.js';
import type { VmmDriver, VmmDrivers } from './instance/driver.js';
import type { Machine, MachineBuilds } from './machine.js';
import type { Page, PageRequest } from './page.js';
import type { Store } from './store/store.js';

export class BuildRegistry {
  readonly #store: Store;
  readonly #drivers: VmmDrivers;
  /** By kind and path: many machines can ask for the same one at once. */
  readonly #registering = new Map<string, Promise<Build>>();
  readonly #hashes = new ContentHashes();
  #own: Build | null = null;

  constructor(store: Store, drivers: VmmDrivers) {
    this.#store = store;
    this.#drivers = drivers;
  }

  /** The build that came with this daemon: what machines run on when nothing else was said. */
  async registerOwn(kind: BuildKind, path: string): Promise<Build> {
    this.#own = await this.register(kind, path);
    return this.#own;
  }

  /** The same content at the same path is the same build, however often it is registered. */
  register(kind: BuildKind, path: string): Promise<Build> {
    const key = `${kind} ${path}`;
    const underway = this.#registering.get(key);
    if (underway !== undefined) return underway;
    const registering = this.#register(kind, path).finally(() => this.#registering.delete(key));
    this.#registering.set(key, registering);
    return registering;
  }

  async #register(kind: BuildKind, path: string): Promise<Build> {
    const driver = this.driver(kind);
    if (!isAbsolute(path)) {
      throw new BatonError('build_not_usable', `path must be absolute, got ${JSON.stringify(path)}`);
    }
    try {
      const files = await driver.filesOf(path);
      const fileStamp = await stampOf(files);
      const contentHash = await this.#hashes.of(files);
      const known = this.#store.builds.byContent(kind, path, contentHash);
      if (known !== null) return this.#record(known, 'as-registered', fileStamp);
      const found = await driver.probe(path);
      if ((await stampOf(files)) !== fileStamp) throw new Error('its files changed while it was asked');
      return this.#add({ kind, path, contentHash, files, fileStamp, ...found });
    } catch (cause) {
      if (cause instanceof BatonError) throw cause;
      throw new BatonError('build_not_usable', `${path} is not usable as ${kind}: ${messageOf(cause)}`, {
        cause,
      });
    }
  }

  #add(found: Omit<Build, 'id' | 'addedAtMs' | 'fileState'>): Build {
    const { kind, path, version, contentHash } = found;
    const digest = createHash('sha256').update(`${path}\0${contentHash}`).digest('hex').slice(0, 8);
    const id = `${kind}-${version}-${digest}`;
    return this.#store.durably(() => {
      const added = this.#store.builds.insert({ ...found, id });
      this.#store.emit({ type: 'baton.build.added', subject: `builds/${id}`, data: { kind, path, version } });
      return added;
    });
  }

  /** All, with what their files are now. Those whose stamp is the same as at the last look are not read. */
  lookAtAll(): Promise<Build[]> {
    const statFile = statOnce();
    return Promise.all(this.#store.builds.all().map((build) => this.look(build, statFile)));
  }

  /** With what their files are now. */
  async page(
    request: PageRequest,
    filter: { readonly kind: readonly string[] | null },
  ): Promise<Page<Build>> {
    const statFile = statOnce();
    const { items, next } = this.#store.builds.page(request, filter);
    return { items: await Promise.all(items.map((build) => this.look(build, statFile))), next };
  }

  async look(build: Build, statFile?: StatFile): Promise<Build> {
    try {
      const fileStamp = await stampOf(build.files, statFile);
      if (fileStamp === build.fileStamp) return build;
      return this.#compare(build, await this.#hashes.of(build.files), fileStamp);
    } catch (error) {
      return this.#record(build, stateAfter(error), '');
    }
  }

  /** More than a look: a wrapper is run, as only that shows what it becomes now. For a build that is to be used. */
  async verify(build: Build): Promise<Build> {
    let fileStamp: string;
    try {
      fileStamp = await stampOf(build.files);
    } catch (error) {
      return this.#record(build, stateAfter(error), '');
    }
    return this.#compare(build, await this.contentHash(build), fileStamp);
  }

  /** Of what would run if it were started now. */
  async contentHash({ id, kind, path }: Build): Promise<string> {
    try {
      return await this.#hashes.of(await this.driver(kind).filesOf(path));
    } catch (cause) {
      throw new BatonError('build_not_usable', `build ${id} is not usable: ${messageOf(cause)}`, { cause });
    }
  }

  #compare(build: Build, hash: string, fileStamp: string): Build {
    const fileState = hash === build.contentHash ? 'as-registered' : 'replaced';
    return this.#record(build, fileState, fileStamp);
  }

  /** Told when it is first noticed, once. */
  #record(build: Build, fileState: FileState, fileStamp: string): Build {
    const before = this.#store.builds.byId(build.id);
    if (before === null) return { ...build, fileState, fileStamp };
    if (before.fileState === fileState && before.fileStamp === fileStamp) return before;
    return this.#store.durably(() => {
      const after = this.#store.builds.setFileState(build.id, fileState, fileStamp);
      if (before.fileState !== fileState) {
        const data = { path: build.path, fileState, from: before.fileState };
        this.#store.emit({ type: 'baton.build.changed', subject: `builds/${build.id}`, data });
      }
      return after;
    });
  }

  /** Throws unless what would run is what was registered. */
  async requireAsRegistered(build: Build): Promise<void> {
    const { fileState } = await this.verify(build);
    if (fileState === 'as-registered') return;
    const what = fileState === 'deleted' ? 'is not there any more' : 'is not what was registered';
    throw new BatonError(
      'build_changed',
      `what build ${build.id} runs, ${build.path}, ${what}: restore it, or register the path again and choose the new build`,
    );
  }

  /**
   * A default stands for what lies at its path: when the file was replaced, as an update of the host does, what is
   * there now becomes the default. A pin stands for its content alone. What is not usable is left to the start or
   * the preflight that follows.
   */
  async refreshDefault({ id, builds }: Pick<Machine, 'id' | 'builds'>): Promise<void> {
    if (builds.pin !== null) return;
    try {
      if (builds.default === null) return await this.#refreshOwn();
      const before = await this.verify(this.byId(builds.default));
      if (before.fileState !== 'replaced') return;
      const { id: now } = await this.register(before.kind, before.path);
      this.#store.durably(() => {
        const machine = this.#store.machines.byId(id);
        if (machine?.builds.default === before.id)
          this.setPolicy(machine, { ...machine.builds, default: now });
      });
    } catch (error) {
      if (!(error instanceof BatonError && error.code === 'build_not_usable')) throw error;
    }
  }

  /** The installation may have been updated under the running daemon. */
  async #refreshOwn(): Promise<void> {
    if (this.#own !== null) this.#own = await this.register(this.#own.kind, this.#own.path);
  }

  driver(kind: BuildKind): VmmDriver {
    const driver = this.#drivers.get(kind);
    if (driver === undefined) {
      const kinds = [...this.#drivers.keys()].join(' or ');
      throw new BatonError('build_not_usable', `expected a build of kind ${kinds}, got ${kind}`);
    }
    return driver;
  }

  byId(id: string): Build {
    const build = this.#store.builds.byId(id);
    if (build === null) {
      throw new BatonError('build_not_found', `there is no build ${id}: GET /v1/builds lists what there is`);
    }
    return build;
  }

  /** Id of the build that a start takes; null when there is none to take. */
  startsOn(builds: MachineBuilds): string | null {
    return builds.pin ?? builds.default ?? this.ownId;
  }

  /** Id of what came with this daemon: what a start takes when nothing else was said. */
  get ownId(): string | null {
    return this.#own?.id ?? null;
  }

  /** The one named, or the one that a start takes. Throws when the machine may not run on it. */
  choose(builds: MachineBuilds, named: string | null): Build {
    if (named !== null && builds.pin !== null && named !== builds.pin) {
      throw new BatonError(
        'build_pinned',
        `the machine is pinned to build ${builds.pin}, got ${named}: change the pin first`,
      );
    }
    const id = named ?? this.startsOn(builds);
    if (id === null) {
      throw new BatonError('build_not_found', 'no build is registered: register one with POST /v1/builds');
    }
    if (builds.deny.includes(id)) {
      throw new BatonError('build_denied', `build ${id} is on the machine's deny list: choose another build`);
    }
    return this.byId(id);
  }

  setPolicy({ id }: Pick<Machine, 'id'>, builds: MachineBuilds): Machine {
    return this.#store.durably(() => {
      const machine = this.#store.machines.update(id, { builds });
      const data = { ...builds, deny: [...builds.deny] };
      this.#store.emit({ type: 'baton.machine.builds-changed', subject: `machines/${id}`, data });
      return machine;
    });
  }

  /** What a machine was moved to is what it starts on from now on, unless it is pinned. */
  follow(machine: Machine, buildId: string): void {
    const { builds } = machine;
    const next = buildId === this.#own?.id ? null : buildId;
    if (builds.pin === null && builds.default !== next) this.setPolicy(machine, { ...builds, default: next });
  }

  /** Refused while anything needs it; what ran on it in the past stays recorded. */
  remove(id: string): void {
    const { path } = this.byId(id);
    const usedBy = [
      ...(id === this.#own?.id ? [{ why: 'installation', machine: null }] : []),
      ...this.#store.builds.usersOf(id),
    ];
    if (usedBy.length > 0) {
      const [{ why, machine } = { why: '', machine: null }] = usedBy;
      const first = machine === null ? why : `${why} of machine ${machine}`;
      const others = usedBy.length > 1 ? ` and ${usedBy.length - 1} more` : '';
      throw new BatonError('build_in_use', `build ${id} is in use (${first}${others}): free it first`, {
        details: { usedBy },
      });
    }
    this.#store.durably(() => {
      this.#store.builds.remove(id);
      this.#store.emit({ type: 'baton.build.removed', subject: `builds/${id}`, data: { path } });
    });
  }
}

/** Anything that is there and cannot be read as the build is something else. */
function stateAfter(error: unknown): FileState {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR' ? 'deleted' : 'replaced';
}
