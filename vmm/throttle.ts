/**
 * Passes on what changes too often: the first at once, then the last of each interval. Somebody else (a guest) decides
 * how much comes, nobody is told more than that of each subject.
 */
export class Throttle<T> {
  readonly #intervalMs: number;
  readonly #deliver: (item: T) => void;
  /** What came last since something was delivered, by subject; `null`: nothing. */
  readonly #late = new Map<string, { readonly item: T } | null>();

  constructor(intervalMs: number, deliver: (item: T) => void) {
    this.#intervalMs = intervalMs;
    this.#deliver = deliver;
  }

  /** There must be few subjects. */
  put(subject: string, item: T): void {
    if (this.#late.has(subject)) this.#late.set(subject, { item });
    else this.#pass(subject, item);
  }

  #pass(subject: string, item: T): void {
    this.#late.set(subject, null);
    // The end of the process is not held up.
    setTimeout(() => this.#passLate(subject), this.#intervalMs).unref();
    this.#deliver(item);
  }

  #passLate(subject: string): void {
    const late = this.#late.get(subject) ?? null;
    this.#late.delete(subject);
    if (late !== null) this.#pass(subject, late.item);
  }
}
