/** What preflight says: each finding stands for itself and says what would help. Pure. */
export const SEVERITIES = [
  /** It cannot go, or must not. */
  'block',
  /** It may fail, and then ends with the machine on its source; or something will not be as before. */
  'warn',
  /** Worth knowing. */
  'info',
] as const;
export type Severity = (typeof SEVERITIES)[number];

interface Meaning {
  readonly means: string;
  /** The machine's own property: one cold restart, with what the remedy says changed, takes it away. */
  readonly coldRestart?: true;
  /** What fails then fails before the commit, with the machine on its source: an operator may try. */
  readonly canBeForced?: true;
}

const OF_THE_LINE = { coldRestart: true, canBeForced: true } as const;
const OF_THE_STATE = { coldRestart: true, canBeForced: true } as const;

/** Every code there is; never reused for something else. */
export const FINDINGS = {
  target_binary_missing: { means: 'the file of the target build cannot be read' },
  build_changed: { means: 'what lies at the path of the target build is not what was registered' },
  build_not_suitable: { means: 'the target build cannot run the document of the machine', coldRestart: true },
  build_kind_differs: { means: 'the target is another kind of VMM', coldRestart: true },
  same_build: { means: 'the machine runs the target build already' },
  source_build_changed: { means: 'the file that the source was started from is not there as it was' },
  source_binary_missing: { means: 'the file that the way back would start is not there as it was' },
  mode_not_supported: { means: 'no mode is known to both builds and to the daemon' },
  downtime_not_allowed: { means: 'the mode would work, but has a downtime that was not allowed' },
  machine_not_running: { means: 'the machine has no VMM process: only its document can be looked at' },
  operation_in_progress: { means: 'another operation works on the machine' },
  source_unresponsive: { means: 'the monitor of the source does not answer' },
  source_not_ready: { means: 'the source is not in a state that can be moved' },
  source_blocked: { means: 'the source names something that cannot be carried', coldRestart: true },
  memory_not_shared: { means: 'guest memory is not shared', coldRestart: true },
  aux_memory_not_shared: { means: "the VMM's own guest memory is not shared", coldRestart: true },
  file_not_usable: { means: 'a file of the machine cannot be opened' },
  disk_replaced: { means: 'another file lies at the path of a disk than the one that the source has open' },
  disk_space_low: { means: 'there is no room for the state of the guest' },
  host_memory_low: { means: 'the host has little memory left' },
  connections_dropped: { means: 'open connections of the guest through this card end' },
  network_reconnects: { means: 'the network process of this card is connected to anew' },
  tap_not_carried: { means: 'a tap that the VMM opens by its name is busy until the source has ended' },
  vhost_not_carried: { means: 'what a vhost device has under way is not carried' },
  screen_reconnects: { means: 'viewers of the screen have to connect anew' },
  sockets_reconnect: { means: 'clients of a socket of the VMM have to connect anew' },
  target_option_missing: { means: 'the target has no such option', ...OF_THE_LINE },
  target_accelerator_missing: { means: 'the accelerator does not work with the target', ...OF_THE_LINE },
  target_machine_missing: { means: 'the target has no such machine type', ...OF_THE_LINE },
  target_machine_property_missing: { means: 'a property of the machine type is gone', ...OF_THE_LINE },
  target_machine_deprecated: { means: 'a later build will not have the machine type' },
  target_device_missing: { means: 'the target has no such device', ...OF_THE_LINE },
  target_device_property_missing: { means: 'a property of a device is gone', ...OF_THE_LINE },
  target_object_missing: { means: 'the target has no such object', ...OF_THE_LINE },
  target_object_property_missing: { means: 'a property of an object is gone', ...OF_THE_LINE },
  target_chardev_missing: { means: 'the target has no such character device', ...OF_THE_LINE },
  target_chardev_property_missing: { means: 'a property of a character device is gone', ...OF_THE_LINE },
  target_netdev_missing: { means: 'the target has no such network back end', ...OF_THE_LINE },
  target_block_driver_missing: { means: 'the target has no such block driver', ...OF_THE_LINE },
  vmstate_device_missing: { means: 'the target has no state for a device in use', ...OF_THE_STATE },
  vmstate_section_renamed: { means: 'the target looks for the state under another name', ...OF_THE_STATE },
  vmstate_version_too_new: { means: 'the target does not read so new a version', ...OF_THE_STATE },
  vmstate_version_too_old: { means: 'the target does not read so old a version', ...OF_THE_STATE },
  vmstate_field_missing: { means: 'the target does not read a field', ...OF_THE_STATE },
  vmstate_field_unexpected: { means: 'the target reads a field that is not written', ...OF_THE_STATE },
  vmstate_field_condition: { means: 'one side may leave a field out, the other never', ...OF_THE_STATE },
  vmstate_field_count: { means: 'the sides disagree on the number of elements', ...OF_THE_STATE },
  vmstate_field_size: { means: 'the sides disagree on the size of a field', ...OF_THE_STATE },
  vmstate_field_type: { means: 'a field became a structure, or the other way', ...OF_THE_STATE },
  vmstate_field_renamed: { means: 'a field has another name in the same place' },
  vmstate_subsection_missing: { means: 'the target does not know a part that may be written' },
  vmstate_known_loss: { means: 'the source does not write all that it should', coldRestart: true },
  vmstate_processor_unknown: { means: 'only loading tells of the state of the processor' },
  adopted_not_shareable: { means: 'the line of an adopted machine names what two processes cannot have' },
  adopted_not_by_exec: { means: 'an adopted process is not replaced by cpr-exec' },
  comparison_not_possible: { means: 'the binaries could not be asked' },
  rehearsal_failed: { means: 'rehearsed with an empty machine, it did not work' },
  rehearsal_state_refused: { means: 'rehearsed, the target refused the state', coldRestart: true },
  rehearsal_not_possible: { means: 'it could not be rehearsed, which says nothing of the upgrade' },
  rehearsal_skipped: { means: 'it was not rehearsed, as asked' },
} as const satisfies Record<string, Meaning>;
export type FindingCode = keyof typeof FINDINGS;

const CODES = Object.keys(FINDINGS) as [FindingCode, ...FindingCode[]];

export const FORCIBLE_CODES = CODES.filter((code) => meaningOf(code).canBeForced === true);

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** What was found, for people. */
  readonly sentence: string;
  /** What to do about it. */
  readonly remedy: string;
}

export const VERDICTS = [
  'can-upgrade',
  /** Nothing but the machine's own properties is in the way. */
  'needs-cold-restart',
  /** The build, the host or the moment is in the way. */
  'cannot-upgrade',
] as const;
export type Verdict = (typeof VERDICTS)[number];

export function blocks(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'block');
}

/** Findings that the operator has said to pass over are warnings. */
export function force(findings: readonly Finding[], codes: readonly FindingCode[]): readonly Finding[] {
  const isForced = ({ code, severity }: Finding) =>
    severity === 'block' && codes.includes(code) && FORCIBLE_CODES.includes(code);
  return findings.map((finding) => (isForced(finding) ? { ...finding, severity: 'warn' } : finding));
}

export function verdictOn(findings: readonly Finding[]): Verdict {
  /* A mode that would help if it were allowed does not make the others better. */
  const found = findings.filter(({ severity }) => severity === 'block').map(({ code }) => code);
  const inTheWay = found.filter((code) => code !== 'downtime_not_allowed');
  if (found.length === 0) return 'can-upgrade';
  if (inTheWay.length === 0) return 'cannot-upgrade';
  return inTheWay.every((code) => meaningOf(code).coldRestart === true)
    ? 'needs-cold-restart'
    : 'cannot-upgrade';
}

function meaningOf(code: FindingCode): Meaning {
  return FINDINGS[code];
}
