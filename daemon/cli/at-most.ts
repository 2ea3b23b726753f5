/** So many at once and no more: the others wait for their turn, in order. One that fails gives its turn on as well. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

export function atMost(limit: number): Turns {
  const waiting: (() => void)[] = [];
  let free = limit;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
