/** What a guest tells of its memory (virtio 1.2, section 5.5.6.3): tags and numbers of 64 bits, kept in halves. */
const ENTRY_BYTES = 10;
/** Tags are indices; QEMU's names. */
export const STATISTICS = [
  'stat-swap-in',
  'stat-swap-out',
  'stat-major-faults',
  'stat-minor-faults',
  'stat-free-memory',
  'stat-total-memory',
  'stat-available-memory',
  'stat-disk-caches',
  'stat-htlb-pgalloc',
  'stat-htlb-pgfail',
  'stat-oom-kills',
  'stat-alloc-stalls',
  'stat-async-scans',
  'stat-direct-scans',
  'stat-async-reclaims',
  'stat-direct-reclaims',
] as const;

/** More than a guest has to tell. */
export const MAX_STATISTICS_BYTES = ENTRY_BYTES * 64;

/** Low and high halves of each; all ones: the guest has not said it. */
export const NO_STATISTICS: readonly number[] = Array<number>(2 * STATISTICS.length).fill(0xffff_ffff);

/** Unknown tags are passed over; what is not told is not known any more. */
export function readStatistics(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const halves = [...NO_STATISTICS];
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    const tag = view.getUint16(at, true);
    if (tag >= STATISTICS.length) continue;
    halves[2 * tag] = view.getUint32(at + 2, true);
    halves[2 * tag + 1] = view.getUint32(at + 6, true);
  }
  return halves;
}
