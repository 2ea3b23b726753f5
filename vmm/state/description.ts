/**
 * How a device declares the state that travels in a migration stream: once, as a named, versioned
 * list of fields, with subsections for what was added later. Saving, loading, the JSON description at
 * the end of the stream and the compatibility check are all derived from this one declaration.
 *
 * The model is QEMU's VMState (docs/devel/migration/main.rst): fields are big-endian on the wire, a
 * subsection is present only when `needed` says so, and an unknown subsection is an error.
 * This module knows types only: bytes are in `codec.ts`.
 */

/** Integer and byte types as QEMU names them in the JSON description. */
export type FieldType =
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'int32'
  | 'int64'
  | 'bool'
  | 'buffer'
  /** As many bytes as there are, their number before them in a uint32. */
  | 'vbuffer';

export interface Field {
  /** Key in the state object, and the field's name in the JSON description. */
  readonly name: string;
  readonly type: FieldType;
  /** Array length; for `buffer` the number of bytes, for `vbuffer` the most there may be. Absent: a single value. */
  readonly count?: number;
  /** First version of the section that carries this field; absent: all. */
  readonly sinceVersion?: number;
}

/** uint64 and int64 are `bigint`; other integers are `number`; buffers are `Uint8Array`. */
export type FieldValue = number | bigint | boolean | Uint8Array | readonly number[] | readonly bigint[];
export type StateRecord = Readonly<Record<string, FieldValue>>;

export interface Subsection<S> {
  /** Full name, `<section>/<subsection>`. */
  readonly name: string;
  readonly version: number;
  readonly fields: readonly Field[];
  /** True when the state differs from what a loader assumes in its absence. */
  needed(state: S): boolean;
}

export interface StateDescription<S> {
  /** Section name (QEMU's `idstr` less the instance). */
  readonly name: string;
  readonly version: number;
  readonly minimumVersion: number;
  readonly fields: readonly Field[];
  readonly subsections?: readonly Subsection<S>[];
  /** Values assumed for fields that an older section or an absent subsection did not carry. */
  readonly reset: S;
  /**
   * Checks ranges after decoding (indices, masks). Returns a sentence naming the field when a value
   * cannot be, `null` when the state is acceptable. The stream is hostile: nothing may be assumed.
   */
  validate?(state: S): string | null;
}

/**
 * Something beside the devices whose state travels too, and that lives on through reset and restore. Its section is
 * left out of a stream that it has nothing to say in.
 */
export interface StatefulPart<S = unknown> {
  readonly description: StateDescription<S>;
  readonly instanceId: number;
  /** Plain data, a fresh object, no side effect; `null`: what `reset` in the description says. */
  save(): S | null;
  /** Takes the place of what it held. Cannot fail: the state was checked. */
  load(state: S): void;
}
