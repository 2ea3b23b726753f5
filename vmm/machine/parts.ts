/** The sections of what travels beside the devices. */
import { type ExpectedSection, type SectionToSave, sectionKey } from '../state/codec.js';
import type { StatefulPart } from '../state/description.js';

export function partsToSave(parts: readonly StatefulPart[]): SectionToSave[] {
  const sections: SectionToSave[] = [];
  for (const part of parts) {
    const state = part.save();
    if (state !== null) sections.push({ description: part.description, instanceId: part.instanceId, state });
  }
  return sections;
}

export function expectedParts(parts: readonly StatefulPart[]): ExpectedSection[] {
  return parts.map(({ description, instanceId }) => ({ description, instanceId, isOptional: true }));
}

/** `decoded`: by `sectionKey`, complete. */
export function loadParts(parts: readonly StatefulPart[], decoded: ReadonlyMap<string, unknown>): void {
  for (const part of parts) part.load(decoded.get(sectionKey(part.description.name, part.instanceId)));
}
