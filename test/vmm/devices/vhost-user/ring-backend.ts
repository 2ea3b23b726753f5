/** A process behind a vhost-user device that lives in the test: it writes down what it is told. */
import type {
  BackendFacts,
  BackendUser,
  Ring,
  RingBackend,
} from '../../../../vmm/devices/vhost-user/backend.js';
import { RAM_BASE, type TestDriver } from '../virtio/driver.js';

export class FakeBackend implements RingBackend {
  facts: BackendFacts | null;
  broken: string | null = null;
  readonly told: string[] = [];
  user: BackendUser | null = null;
  rings: readonly Ring[] = [];
  driver: TestDriver | null = null;
  /** Does not answer when it is told to stop. */
  isStuck = false;

  constructor(facts: BackendFacts) {
    this.facts = facts;
  }

  learn(facts: BackendFacts): void {
    this.facts ??= facts;
  }

  start(user: BackendUser, features: readonly [number, number], rings: readonly Ring[]): void {
    this.user = user;
    this.rings = rings;
    this.told.push(
      `start ${features.join(' ')} ${rings.map(({ index, base }) => `${index}@${base}`).join(' ')}`,
    );
  }

  kick(ring: number): void {
    this.told.push(`kick ${ring}`);
  }

  async stop(rings: readonly number[]): Promise<readonly number[]> {
    this.told.push('stop');
    if (this.isStuck) return new Promise(() => {});
    return rings.map((index) => {
      const available = this.rings.find((ring) => ring.index === index)?.available ?? RAM_BASE;
      return this.#index(available - RAM_BASE); // it has taken all of them
    });
  }

  stopNow(): void {
    this.told.push('stop now');
  }

  setConfig(offset: number, bytes: Uint8Array): void {
    this.told.push(`config ${offset} ${bytes.join()}`);
  }

  turn(afterMs: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, afterMs));
  }

  take(): string[] {
    return this.told.splice(0);
  }

  /** Uses everything that was made available. */
  serve(): void {
    this.driver?.view.setUint16(0xc002, this.#index(0x8000), true);
  }

  #index(ring: number): number {
    return this.driver?.view.getUint16(ring + 2, true) ?? 0;
  }
}
