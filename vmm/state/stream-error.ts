/** What is wrong with a migration stream, and where: the section's name, the field and the byte offset. */

export interface StreamPlace {
  /** Name of the section (or of the part of the stream, such as `header`). */
  readonly section: string;
  /** Field inside the section; `null` when the section as a whole is meant. */
  readonly field: string | null;
  /** Offset in bytes from the start of what was decoded. */
  readonly offset: number;
}

export class StreamError extends Error {
  readonly section: string;
  readonly field: string | null;
  readonly offset: number;

  constructor(place: StreamPlace, reason: string) {
    const field = place.field === null ? '' : `, field '${place.field}'`;
    super(`migration stream, section '${place.section}'${field}, offset ${place.offset}: ${reason}`);
    this.name = 'StreamError';
    this.section = place.section;
    this.field = place.field;
    this.offset = place.offset;
  }
}

/** The bytes end before what has to come: more of them could help. */
export class StreamCutShort extends StreamError {
  constructor(place: StreamPlace, reason: string) {
    super(place, `${reason}: the stream is cut short`);
  }
}
