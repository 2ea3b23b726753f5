/** Memory for direct access to disks, which the kernel wants at a multiple of the disk's blocks. */
import { misalignment } from '../../native/index.js';

export const MEMORY_ALIGNMENT_BYTES = 4096;

/** Never a slice of Node's pool: nobody else's bytes are near. */
export function alignedBuffer(sizeBytes: number): Buffer {
  const room = Buffer.allocUnsafeSlow(sizeBytes + MEMORY_ALIGNMENT_BYTES);
  const behind = misalignment(room, MEMORY_ALIGNMENT_BYTES);
  const start = (MEMORY_ALIGNMENT_BYTES - behind) % MEMORY_ALIGNMENT_BYTES;
  return room.subarray(start, start + sizeBytes);
}
