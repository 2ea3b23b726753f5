/** The builds that machines can be started on and upgraded to. A build is asked what it is by running it. */
import { createHash } from 'node:crypto';
import { isAbsolute } from 'node:path';
import type { Build, BuildKind } from './build.js';
import { BatonError, messageOf } from './errors.js';
import type { VmmDriver, VmmDrivers } from './instance/driver.js';
import type { Store } from './store/store.js';

export class BuildRegistry {
  readonly #store: Store;
  readonly #drivers: VmmDrivers;
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

  /** The installation may have been updated under the running daemon. One that is broken is left to preflight. */
  async refreshOwn(): Promise<void> {
    if (this.#own === null) return;
    try {
      this.#own = await this.register(this.#own.kind, this.#own.path);
    } catch (error) {
      if (!(error instanceof BatonError && error.code === 'build_not_usable')) throw error;
    }
  }

  /** The same content at the same path is the same build, however often it is registered. */
  async register(kind: BuildKind, path: string): Promise<Build> {
    const driver = this.driver(kind);
    if (!isAbsolute(path)) {
      throw new BatonError('build_not_usable', `path must be absolute, got ${JSON.stringify(path)}`);
    }
    let found: Awaited<ReturnType<VmmDriver['probe']>>;
    try {
      const known = this.#store.builds.byContent(kind, path, await driver.contentHash(path));
      if (known !== null) return known;
      found = await driver.probe(path);
    } catch (cause) {
      throw new BatonError('build_not_usable', `${path} is not usable as ${kind}: ${messageOf(cause)}`, {
        cause,
      });
    }
    const digest = createHash('sha256').update(`${path}\0${found.contentHash}`).digest('hex').slice(0, 8);
    const id = `${kind}-${found.version}-${digest}`;
    return this.#store.durably(() => {
      const added = this.#store.builds.byId(id);
      if (added !== null) return added;
      const build = this.#store.builds.insert({ id, kind, path, ...found });
      const { version } = build;
      this.#store.emit({ type: 'baton.build.added', subject: `builds/${id}`, data: { kind, path, version } });
      return build;
    });
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

  /** The one named, or this installation's own. */
  choose(id: string | null): Build {
    const chosen = id ?? this.#own?.id ?? null;
    if (chosen === null) {
      throw new BatonError('build_not_found', 'no build is registered: register one with POST /v1/builds');
    }
    return this.byId(chosen);
  }
}
