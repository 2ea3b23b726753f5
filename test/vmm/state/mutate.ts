/** Seeded damage to byte strings: the same seed does the same, so that a failing case can be named. */

export type Random = (below: number) => number;

/** Deterministic random integers (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutateOnce(bytes: Buffer, random: Random): Buffer {
  const at = random(bytes.length);
  switch (random(7)) {
    case 0:
      bytes.writeUInt8(random(256), at);
      return bytes;
    case 1:
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random(8)), at);
      return bytes;
    case 2:
      return bytes.subarray(0, at);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(random(9), random(256)), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random(9))]);
    case 5:
      return Buffer.concat([bytes.subarray(0, at + random(40)), bytes.subarray(at)]);
    default:
      if (bytes.length < 4) return bytes;
      bytes.writeUInt32BE([0, 1, 0x7fffffff, 0xffffffff][random(4)] ?? 0, random(bytes.length - 3));
      return bytes;
  }
}

/** One to three damages to a copy of `good`. */
export function mutate(good: Uint8Array, seed: number): Buffer {
  const random = randomFrom(seed);
  let bytes: Buffer = Buffer.from(good);
  for (let times = 1 + random(3); times > 0 && bytes.length > 0; times--) bytes = mutateOnce(bytes, random);
  return bytes;
}
