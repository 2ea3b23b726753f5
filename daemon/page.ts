/** Long lists are read in pages: each goes on behind a key that stays, whatever is added or removed meanwhile. */

export interface PageRequest {
  /** Key of the last one seen; null: from the start. */
  readonly after: number | null;
  readonly limit: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** To ask for what follows with; null: nothing does. */
  readonly next: number | null;
}
