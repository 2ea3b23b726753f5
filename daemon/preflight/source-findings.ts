/** What the facts of a source mean for leaving it. Pure. */
import type { UpgradeMode } from '../upgrade.js';
import type { Finding } from './finding.js';
import type { SourceFacts } from './source-facts.js';

const COLD = 'restart the machine once: this daemon starts it with memory that can be handed over';

/** In any mode. */
export function sourceFindings(facts: SourceFacts, wasRunning: boolean): readonly Finding[] {
  const { status, migrating } = facts;
  const findings: Finding[] = [];
  const notReady = (sentence: string, remedy: string) =>
    findings.push({ code: 'source_not_ready', severity: 'block', sentence, remedy });
  if (status.status === 'postmigrate') {
    notReady(
      'the source was stopped by an earlier upgrade that was rolled back',
      'resume the machine once, then upgrade it',
    );
  } else if (status.running !== wasRunning) {
    const expected = wasRunning ? 'running' : 'paused';
    notReady(
      `expected the source to be ${expected}, but it is ${status.status}`,
      'bring the machine to a running or paused state and try again',
    );
  }
  if (migrating !== null) {
    notReady(
      `the source is migrating already (${migrating})`,
      'wait for the migration to end, or cancel it at the monitor of the VMM',
    );
  }
  return findings;
}

export function sourceModeFindings(facts: SourceFacts, mode: UpgradeMode): readonly Finding[] {
  const findings: Finding[] = [];
  if (mode !== 'cpr-reboot') {
    for (const { id, share } of facts.memory ?? []) {
      if (share) continue;
      const sentence = `memory backend ${id} is not shared: its content would stay behind`;
      findings.push({ code: 'memory_not_shared', severity: 'block', sentence, remedy: COLD });
    }
    if (facts.sharesAuxMemory === false) {
      const sentence = "aux-ram-share is off: the VMM's own memory of the guest would stay behind";
      findings.push({ code: 'aux_memory_not_shared', severity: 'block', sentence, remedy: COLD });
    }
  }
  for (const reason of facts.blocked.get(mode) ?? []) {
    findings.push({
      code: 'source_blocked',
      severity: 'block',
      sentence: `the source says: ${reason}`,
      remedy: 'take away what it names, or restart the machine once without it',
    });
  }
  return findings;
}
