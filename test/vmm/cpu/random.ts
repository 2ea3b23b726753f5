/** The output function of splitmix64. */
function mix(bits: bigint): bigint {
  let value = bits;
  value = BigInt.asUintN(64, (value ^ (value >> 30n)) * 0xbf58476d1ce4e5b9n);
  value = BigInt.asUintN(64, (value ^ (value >> 27n)) * 0x94d049bb133111ebn);
  return value ^ (value >> 31n);
}

/** A seeded generator of random choices, so that a failure can be repeated. */
export class Random {
  #state: bigint;

  constructor(seed: number) {
    // Mixed, because the states of neighbouring seeds would be neighbours in one sequence.
    this.#state = mix(BigInt(seed) + 1n);
  }

  /** 64 random bits. */
  bits(): bigint {
    this.#state = BigInt.asUintN(64, this.#state + 0x9e3779b97f4a7c15n);
    return mix(this.#state);
  }

  /** A whole number from `low` to `high`, both possible. */
  between(low: number, high: number): number {
    return low + Number(this.bits() % BigInt(high - low + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.between(0, choices.length - 1)] as T;
  }
}
