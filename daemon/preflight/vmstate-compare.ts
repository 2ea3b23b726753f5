/**
 * Whether a target can load what a source writes, from the two `-dump-vmstate` documents, for the types of
 * device in use. Pure. The rules are those of loading: a section carries its name and version, and of its
 * fields nothing but their bytes in order; so a target reads wrong what has moved or changed its size.
 * Names of fields are not in the stream: a field that was renamed in its place loads.
 *
 * `block` is said only where loading must fail. Where it depends on the guest's state at that moment (a
 * field or a subsection that a device may leave out), it is `warn`: such a failure shows in the load, and
 * the source goes on.
 */
import { alignFields } from './field-alignment.js';
import type { Finding, FindingCode, Severity } from './finding.js';
import type { VmStateDescription, VmStateDump, VmStateField } from './vmstate.js';

/** The devices have a state in the source's dump, or are passed over: most QOM types have none. */
export function compareVmState(
  source: VmStateDump,
  target: VmStateDump,
  typesInUse: Iterable<string>,
): readonly Finding[] {
  const comparison = new Comparison();
  for (const type of new Set(typesInUse)) {
    const written = source.devices.get(type);
    if (written !== undefined) comparison.device(type, written, target.devices.get(type));
    else if (type.endsWith('-cpu')) comparison.processor(type);
  }
  return comparison.findings;
}

const REMEDIES: Readonly<Record<Severity, string>> = {
  block: 'the machine needs one cold restart on the new build; or choose a build that still loads this',
  warn: 'try it: whether it matters depends on the guest, and if it does, the machine stays on its source',
  info: 'nothing to do',
};

/**
 * What a device was seen to lose although both sides agree on its state: it shows by a field that later
 * builds have.
 */
const KNOWN_LOSSES: Readonly<Record<string, { readonly field: string; readonly sentence: string }>> = {
  'riscv.aclint.mtimer': {
    field: 'timers',
    sentence: 'its armed timers: a guest that waits for one never wakes up again',
  },
};

interface Contents {
  readonly source: VmStateDescription;
  readonly target: VmStateDescription;
  /** The version that the target takes the fields to be of. */
  readonly readVersion: number;
  readonly severity: Severity;
}

class Comparison {
  readonly findings: Finding[] = [];

  device(type: string, source: VmStateDescription, target: VmStateDescription | undefined): void {
    if (target === undefined) {
      this.#say('vmstate_device_missing', 'block', `${type} is not a device of the target that has a state`);
      return;
    }
    if (source.name !== target.name) {
      this.#say(
        'vmstate_section_renamed',
        'block',
        `${type} writes a section ${source.name}, but the target reads ${target.name}`,
      );
      return;
    }
    this.#versioned(type, source, target, 'block');
    const loss = KNOWN_LOSSES[type];
    if (loss !== undefined && !source.fields.some(({ name }) => name === loss.field)) {
      this.#say('vmstate_known_loss', 'block', `${type} does not write ${loss.sentence}`);
    }
  }

  processor(type: string): void {
    const sentence = `the state of ${type} is not in what -dump-vmstate writes: only loading it tells`;
    this.#say('vmstate_processor_unknown', 'info', sentence);
  }

  /**
   * Sections and subsections: the stream carries the source's version, and the target reads by it.
   * `severity` is that of bytes that do not fit: what is in a part that may be left out is no reason to
   * block.
   */
  #versioned(at: string, source: VmStateDescription, target: VmStateDescription, severity: Severity): void {
    const { versionId } = source;
    if (versionId > target.versionId) {
      this.#say(
        'vmstate_version_too_new',
        severity,
        `${at} writes version ${versionId}, but the target reads up to ${target.versionId}`,
      );
    } else if (versionId < target.minimumVersionId) {
      this.#say(
        'vmstate_version_too_old',
        severity,
        `${at} writes version ${versionId}, but the target reads from ${target.minimumVersionId} on`,
      );
    } else {
      this.#contents(at, { source, target, readVersion: versionId, severity });
    }
  }

  #contents(at: string, contents: Contents): void {
    const { source, target, readVersion, severity } = contents;
    const written = source.fields.filter((field) => isIn(field, source.versionId));
    const read = target.fields.filter((field) => isIn(field, readVersion));
    for (const aligned of alignFields(written, read)) {
      if (aligned.kind === 'gap') this.#gap(at, aligned.source, aligned.target, severity);
      else this.#field(`${at}: ${aligned.source.name}`, aligned.source, aligned.target, severity);
    }
    for (const subsection of source.subsections) {
      const counterpart = target.subsections.find(({ name }) => name === subsection.name);
      if (counterpart !== undefined) {
        this.#versioned(subsection.name, subsection, counterpart, 'warn');
        continue;
      }
      const sentence = `${at} may write a subsection ${subsection.name} that the target does not know`;
      this.#say('vmstate_subsection_missing', 'warn', sentence);
    }
  }

  #field(at: string, source: VmStateField, target: VmStateField, outer: Severity): void {
    if (source.isConditional !== target.isConditional) {
      const [side, other] = source.isConditional ? ['source', 'target'] : ['target', 'source'];
      const sentence = `${at} can be left out by the ${side}, but never by the ${other}`;
      this.#say('vmstate_field_condition', 'warn', sentence);
    }
    const severity = source.isConditional || target.isConditional ? 'warn' : outer;
    if (source.count !== target.count) {
      const counts = `${source.count} elements, but the target reads ${target.count}`;
      this.#say('vmstate_field_count', severity, `${at} has ${counts}`);
    }
    if (source.struct !== null && target.struct !== null) {
      /* The version of a structure is not in the stream: each side takes its own. */
      const readVersion = target.struct.versionId;
      this.#contents(at, { source: source.struct, target: target.struct, readVersion, severity });
    } else if (source.struct !== null || target.struct !== null) {
      const [was, is] = source.struct === null ? ['value', 'structure'] : ['structure', 'value'];
      this.#say('vmstate_field_type', 'warn', `${at} was a ${was} and is a ${is} in the target`);
    } else if (source.sizeBytes !== target.sizeBytes) {
      const sizes = `${source.sizeBytes} bytes, but the target reads ${target.sizeBytes}`;
      this.#say('vmstate_field_size', severity, `${at} has ${sizes}`);
    }
  }

  /** What stands between two fields that both sides have. */
  #gap(
    at: string,
    source: readonly VmStateField[],
    target: readonly VmStateField[],
    severity: Severity,
  ): void {
    const bytes = bytesOf(source);
    if (bytes !== null && bytes === bytesOf(target)) {
      const sentence = `${at}: ${names(source)} is ${names(target)} in the target, of the same ${bytes} bytes`;
      this.#say('vmstate_field_renamed', 'info', sentence);
      return;
    }
    for (const { name, isConditional } of source) {
      const sentence = `${at}: the source writes ${name} where the target does not read it`;
      this.#say('vmstate_field_missing', isConditional ? 'warn' : severity, sentence);
    }
    for (const { name, isConditional } of target) {
      const sentence = `${at}: the target reads ${name} where the source does not write it`;
      this.#say('vmstate_field_unexpected', isConditional ? 'warn' : severity, sentence);
    }
  }

  #say(code: FindingCode, severity: Severity, sentence: string): void {
    this.findings.push({ code, severity, sentence, remedy: REMEDIES[severity] });
  }
}

/** A conditional field's own function decides, whatever the version. */
function isIn(field: VmStateField, version: number): boolean {
  return field.isConditional || field.versionId <= version;
}

/** Null when it cannot be said: something may be left out, or is written in a form of its own. */
function bytesOf(fields: readonly VmStateField[]): number | null {
  let bytes = 0;
  for (const { isConditional, struct, sizeBytes, count } of fields) {
    if (isConditional || struct !== null || sizeBytes === 0) return null;
    bytes += sizeBytes * count;
  }
  return fields.length === 0 ? null : bytes;
}

function names(fields: readonly VmStateField[]): string {
  return fields.map(({ name }) => name).join(', ');
}
