/**
 * Operands that look for trouble: edge values, subnormals, both ends of the exponent range, fractions that
 * fall on or beside halfway points, and partners that cancel, underflow or overflow with a given operand.
 * The sequence depends on the seed alone.
 */
import { canonicalNaN, type Format, infinity } from './softfloat-rounding.js';

export class Random {
  #state: number;
  readonly #words = new Uint32Array(2);
  readonly #pair = new BigUint64Array(this.#words.buffer);

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** 0 to limit - 1. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return Math.floor(((this.#state >>> 0) / 2 ** 32) * limit);
  }

  /** 64 random bits. */
  word(): bigint {
    this.#words[0] = this.below(2 ** 32);
    this.#words[1] = this.below(2 ** 32);
    return this.#pair[0] as bigint;
  }

  /** A number of 0 to `bits` bits, any width as likely as any other; sometimes a run of ones, or almost. */
  ragged(bits: number): bigint {
    const width = this.below(bits + 1);
    const ones = (1n << BigInt(width)) - 1n;
    const low = ones << BigInt(this.below(bits - width + 1));
    switch (this.below(4)) {
      case 0:
        return low;
      case 1:
        return (low + BigInt(this.below(3)) - 1n) & ((1n << BigInt(bits)) - 1n);
      default:
        return this.word() & ones;
    }
  }

  /** Integers of 64 bits, as unsigned. */
  integer(): bigint {
    const value = this.ragged(64);
    return this.below(2) === 0 ? value : BigInt.asUintN(64, -value);
  }
}

export class Operands {
  readonly #random: Random;
  readonly #format: Format;
  readonly #edges: readonly bigint[];
  readonly #fractionBits: number;
  readonly #lastField: number;
  readonly #bias: number;

  constructor(format: Format, random: Random) {
    this.#random = random;
    this.#format = format;
    this.#fractionBits = format.precision - 1;
    this.#bias = format.maxExponent;
    this.#lastField = 2 * format.maxExponent;
    const unit = 1n << BigInt(this.#fractionBits);
    const one = BigInt(this.#bias) * unit;
    const special = infinity(format);
    this.#edges = [
      ...[0n, 1n, 2n, 3n, unit / 2n, unit - 1n, unit, unit + 1n, 2n * unit - 1n, 2n * unit],
      ...[one - unit, one - 1n, one, one + 1n, one + unit / 2n, one + unit, one + unit + unit / 2n],
      ...[special - unit, special - 2n, special - 1n, special],
      ...[special + 1n, special + unit / 2n - 1n, canonicalNaN(format), special + unit - 1n],
    ];
  }

  /** Every edge value, with either sign. */
  edges(): bigint[] {
    return this.#edges.flatMap((edge) => [edge, edge | (1n << BigInt(this.#format.bits - 1))]);
  }

  next(): bigint {
    const random = this.#random;
    switch (random.below(8)) {
      case 0:
        return this.#sign(this.#edges[random.below(this.#edges.length)] as bigint);
      case 1:
        return BigInt.asUintN(this.#format.bits, random.word());
      case 2:
        return this.#near(0);
      case 3:
        return this.#near(this.#lastField);
      case 4:
        return this.#compose(
          this.#bias + random.below(13),
          BigInt(random.below(64)) << BigInt(this.#fractionBits - 6),
        );
      default:
        return this.#near(this.#bias);
    }
  }

  /** An operand for an operation together with `other`. */
  partner(other: bigint): bigint {
    const random = this.#random;
    const field = this.fieldOf(other);
    const target = [1, this.#lastField][random.below(2)] as number;
    switch (random.below(6)) {
      case 0:
        return this.beside(other);
      case 1:
        return this.#near(field);
      case 2:
        return this.#near(this.#bias + target - field);
      case 3:
        return this.#near(this.#bias + field - target);
      default:
        return this.next();
    }
  }

  /** At most a few units in the last place away, with either sign. */
  beside(other: bigint): bigint {
    const magnitude = BigInt.asUintN(this.#format.bits - 1, other);
    return this.#sign(BigInt.asUintN(this.#format.bits - 1, magnitude + BigInt(this.#random.below(9) - 4)));
  }

  fieldOf(bits: bigint): number {
    return Number(BigInt.asUintN(this.#format.bits - 1, bits) >> BigInt(this.#fractionBits));
  }

  /** An exponent at most a few more than the precision away, which is where sticky bits begin to matter. */
  #near(field: number): bigint {
    const spread = this.#format.precision + 4;
    return this.#compose(
      field + this.#random.below(2 * spread) - spread,
      this.#random.ragged(this.#fractionBits),
    );
  }

  #compose(field: number, fraction: bigint): bigint {
    const clamped = Math.max(0, Math.min(this.#lastField, field));
    return this.#sign((BigInt(clamped) << BigInt(this.#fractionBits)) | fraction);
  }

  #sign(magnitude: bigint): bigint {
    return this.#random.below(2) === 0 ? magnitude : magnitude | (1n << BigInt(this.#format.bits - 1));
  }
}
