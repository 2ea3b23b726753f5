/** What a guest is: bytes to be written to a file and given to a VMM as `-kernel` or to Linux as a program. */
export interface GuestImage {
  readonly name: string;
  /** `bin`: flat, for guest-physical 0x80200000, entered there in S-mode. `elf`: a static Linux program. */
  readonly format: 'bin' | 'elf';
  readonly bytes: Uint8Array;
}

/** Where firmware puts and enters a flat kernel image on the `virt` machine. */
export const KERNEL_ADDRESS = 0x80200000;
