/** Sv39 page tables for test programs, as data of the program itself: they begin at the label `page_table`. */

export const PTE = { V: 1, R: 2, W: 4, X: 8, U: 16, G: 32, A: 64, D: 128 } as const;
/** Everything that an access of S-mode needs. */
export const KERNEL_PAGE = PTE.V | PTE.R | PTE.W | PTE.X | PTE.A | PTE.D;
export const USER_PAGE = KERNEL_PAGE | PTE.U;

export interface Mapping {
  readonly virtual: bigint | number;
  readonly physical: bigint | number;
  /** The low ten bits of the leaf, or with `raw` the whole entry. */
  readonly flags: bigint | number;
  /** 0 maps 4 KiB, 1 maps 2 MiB, 2 maps 1 GiB. */
  readonly level?: 0 | 1 | 2;
  /** Names the leaf entry, so that the program can change it. */
  readonly label?: string;
}

interface Entry {
  readonly text: string;
  readonly label?: string | undefined;
}

type Table = Map<number, Entry>;

const indexAt = (virtual: bigint, level: number) => Number((virtual >> BigInt(12 + 9 * level)) & 511n);

function leaf({ physical, flags, label }: Mapping): Entry {
  return { text: `((${physical}) >> 12 << 10) | ${flags}`, label };
}

function emit(table: Table, name: string): string {
  const lines = [`.balign 4096`, `${name}:`];
  let next = 0;
  for (const [index, { text, label }] of [...table].sort(([a], [b]) => a - b)) {
    if (index > next) lines.push(`.zero ${8 * (index - next)}`);
    lines.push(`${label === undefined ? '' : `${label}: `}.dword ${text}`);
    next = index + 1;
  }
  if (next < 512) lines.push(`.zero ${8 * (512 - next)}`);
  return lines.join('\n');
}

/** The tables that hold exactly these mappings, jumped over where they stand. */
export function pageTables(mappings: readonly Mapping[]): string {
  const tables = new Map<string, Table>([['page_table', new Map()]]);
  const below = (name: string, index: number): string => {
    const child = `${name}_${index}`;
    if (!tables.has(child)) {
      tables.set(child, new Map());
      tables.get(name)?.set(index, { text: `(${child} >> 12 << 10) | ${PTE.V}` });
    }
    return child;
  };
  for (const mapping of mappings) {
    const virtual = BigInt(mapping.virtual);
    const level = mapping.level ?? 0;
    let name = 'page_table';
    for (let at = 2; at > level; at--) name = below(name, indexAt(virtual, at));
    tables.get(name)?.set(indexAt(virtual, level), leaf(mapping));
  }
  const texts = [...tables].map(([name, table]) => emit(table, name));
  return ['j page_tables_end', ...texts, 'page_tables_end:'].join('\n');
}

/** Turns translation on for the modes below M. Clobbers t0 and t1. */
export const PAGING_ON = `
    la t0, page_table
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
`;
