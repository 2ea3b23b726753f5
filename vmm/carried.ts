/**
 * Descriptors that go with a guest to the next process in the CPR modes, beside that of its RAM.
 *
 *     source    Carrier.carry ► they are sent, or kept across execve ► Carrier.carried
 *     target    CarriedDescriptors.take, by whoever opens what they belong to; nobody wants the rest: closed
 *
 * Early they are there before the machine is built. Late they come with the guest's state: what they belong to is then
 * opened only when that is loaded.
 *
 * Names are the same in all programs: `chardev/ID/listener`, `chardev/ID/peer`, `netdev/ID`, `block/NODE` …
 */
import { closeFd } from '../native/index.js';

export interface CarriedDescriptor {
  readonly name: string;
  /** Tells several of one name apart. */
  readonly id: number;
  readonly fd: number;
}

/** `late`: what goes in the main channel with the guest's state, if the migration is `local`. `early`: all else. */
export type CarryGroup = 'all' | 'early' | 'late';

/** `gone`: another process has the guest now. `kept`: it stays here, or has come back. */
export type CarryOutcome = 'gone' | 'kept';

/** A backend with descriptors that go with the guest. */
export interface Carrier {
  /** In a `local` migration it goes late. Absent: never. */
  readonly goesLate?: boolean;
  /**
   * They stay its own. From now until `carried` it changes none: it accepts nobody, connects and closes nothing, and
   * while the guest is stopped it neither reads nor writes, because what it holds then is in the guest's state.
   */
  carry(): readonly CarriedDescriptor[];
  /**
   * `kept` ends what `carry` began, also some time after `gone`: the operator may take the guest back. After `gone`
   * nothing that is shared is touched: no path removed, no lock given up; the descriptors stay open.
   */
  carried(outcome: CarryOutcome): void;
  /**
   * Told before the guest runs and after it was stopped. What came by `CarriedDescriptors` is not touched before the
   * guest runs here for the first time: until then its source may take it back.
   */
  guestRuns(runs: boolean): void;
}

/** What came with a guest. Whoever takes a descriptor owns it. */
export class CarriedDescriptors {
  readonly #left: CarriedDescriptor[];

  constructor(received: readonly CarriedDescriptor[]) {
    this.#left = [...received];
  }

  /** What nobody has taken yet. */
  get left(): readonly CarriedDescriptor[] {
    return this.#left;
  }

  take(name: string, id = 0): number | null {
    const at = this.#left.findIndex((candidate) => candidate.name === name && candidate.id === id);
    const [found] = at < 0 ? [] : this.#left.splice(at, 1);
    return found?.fd ?? null;
  }

  /** One whose name goes on after a colon with what identifies it further. */
  takeTagged(name: string): { readonly fd: number; readonly tag: string } | null {
    const found = this.#left.find((candidate) => candidate.name.startsWith(`${name}:`));
    const fd = found && this.take(found.name, found.id);
    return found && fd != null ? { fd, tag: found.name.slice(name.length + 1) } : null;
  }

  /** Closes what nobody took, and names it. */
  closeRest(): readonly string[] {
    return this.#left.splice(0).map(({ name, fd }) => {
      closeFd(fd);
      return name;
    });
  }
}
