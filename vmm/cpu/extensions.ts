/** What the hart implements beyond the base, by the names of the RISC-V specifications: letters first, then the rest. */
export const CPU_LETTERS = ['i', 'm', 'a', 'f', 'd', 'c'] as const;
export const CPU_EXTENSIONS: readonly string[] = ['zicntr', 'zicsr', 'zifencei', 'sstc'];
