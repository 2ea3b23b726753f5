/**
 * Answers that cost much, kept by key: at most `capacity`, those longest unused go first. Who asks while an
 * answer is on its way gets the same one. What failed is not kept.
 */
export class BoundedCache<Value> {
  readonly #capacity: number;
  readonly #values = new Map<string, Promise<Value>>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: string, make: () => Promise<Value>): Promise<Value> {
    const known = this.#values.get(key);
    const value = known ?? make();
    /* Again at the end: maps keep the order of insertion. */
    this.#values.delete(key);
    this.#values.set(key, value);
    if (known === undefined) {
      value.catch(() => {
        if (this.#values.get(key) === value) this.#values.delete(key);
      });
    }
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#capacity) break;
      this.#values.delete(oldest);
    }
    return value;
  }
}
