/**
 * The counter-based generator Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), as
 * numpy's `Philox` runs it, in halves of 32 bits: JavaScript's BigInt takes a hundred times as long.
 */

const ROUNDS = 10;
/** The multipliers of words 0 and 2 (high half, low half), and what is added to the key from round to round. */
const M0 = [0xd2e7470e, 0xe14c6c93] as const;
const M1 = [0xca5a8263, 0x95121157] as const;
const WEYL = [[0x9e3779b9, 0x7f4a7c15], [0xbb67ae85, 0x84caa73b]] as const;

/** The upper half of the product of two numbers of 32 bits. */
function upper(a: number, b: number): number {
  const aLow = a & 0xffff, aHigh = a >>> 16, bLow = b & 0xffff, bHigh = b >>> 16;
  const middle = Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16) >>> 0;
  const other = Math.imul(aLow, bHigh) + (middle & 0xffff) >>> 0;
  return Math.imul(aHigh, bHigh) + (middle >>> 16) + (other >>> 16) >>> 0;
}

/** What a sum of a few numbers of 32 bits has beyond these. */
function carried(sum: number): number {
  return sum >= 0x200000000 ? (sum >= 0x300000000 ? 3 : 2) : sum >= 0x100000000 ? 1 : 0;
}

/** A whole number, negative ones too, modulo 2**64: its low and high half. */
function halves(value: number): [number, number] {
  const word = BigInt.asUintN(64, BigInt(value));
  return [Number(word & 0xffffffffn), Number(word >> 32n)];
}

/** The keys of all rounds: for each the low and high half of both words. */
function keysOf(first: number, second: number): Uint32Array {
  const keys = new Uint32Array(4 * ROUNDS);
  const [[low0, high0], [low1, high1]] = [halves(first), halves(second)];
  let words = [low0, high0, low1, high1];
  for (let round = 0; round < ROUNDS; round++) {
    keys.set(words, 4 * round);
    words = [0, 1].flatMap((word) => {
      const low = words[2 * word] + WEYL[word][1];
      return [low >>> 0, (words[2 * word + 1] + WEYL[word][0] + (low > 0xffffffff ? 1 : 0)) >>> 0];
    });
  }
  return keys;
}

/** A stream of numbers of 32 bits: the same as numpy's `Philox(key, counter)` hands out one after the other. */
export class Philox {
  private readonly keys: Uint32Array;
  private readonly counter = new Uint32Array(8);
  private readonly block = new Uint32Array(8);
  private place = 8;

  /** key: two whole numbers, each modulo 2**64. */
  constructor(key: readonly [number, number]) {
    this.keys = keysOf(...key);
  }

  /** Begin at a counter of four words, the first of which is 0; the others are whole numbers modulo 2**64. */
  begin(second: number, third: number, fourth: number): void {
    this.counter.set([0, 0, ...halves(second), ...halves(third), ...halves(fourth)]);
    this.place = 8;
  }

  /** The next 32 bits. */
  next(): number {
    if (this.place === 8) {
      this.counter[0]++; // one stream is far shorter than 2**32 blocks
      this.fill();
      this.place = 0;
    }
    return this.block[this.place++];
  }

  private fill(): void {
    const { keys, counter, block } = this;
    let l0 = counter[0], h0 = counter[1], l1 = counter[2], h1 = counter[3];
    let l2 = counter[4], h2 = counter[5], l3 = counter[6], h3 = counter[7];
    for (let key = 0; key < 4 * ROUNDS; key += 4) {
      // both products of 128 bits, in four parts each
      let middle = upper(l0, M0[1]) + (Math.imul(l0, M0[0]) >>> 0) + (Math.imul(h0, M0[1]) >>> 0);
      const low0 = Math.imul(l0, M0[1]) >>> 0, lowHigh0 = middle >>> 0;
      let above = upper(l0, M0[0]) + upper(h0, M0[1]) + (Math.imul(h0, M0[0]) >>> 0) + carried(middle);
      const highLow0 = above >>> 0, high0 = upper(h0, M0[0]) + carried(above);

      middle = upper(l2, M1[1]) + (Math.imul(l2, M1[0]) >>> 0) + (Math.imul(h2, M1[1]) >>> 0);
      const low1 = Math.imul(l2, M1[1]) >>> 0, lowHigh1 = middle >>> 0;
      above = upper(l2, M1[0]) + upper(h2, M1[1]) + (Math.imul(h2, M1[0]) >>> 0) + carried(middle);
      const highLow1 = above >>> 0, high1 = upper(h2, M1[0]) + carried(above);

      l0 = (highLow1 ^ l1 ^ keys[key]) >>> 0;
      h0 = (high1 ^ h1 ^ keys[key + 1]) >>> 0;
      l2 = (highLow0 ^ l3 ^ keys[key + 2]) >>> 0;
      h2 = (high0 ^ h3 ^ keys[key + 3]) >>> 0;
      l1 = low1;
      h1 = lowHigh1;
      l3 = low0;
      h3 = lowHigh0;
    }
    block[0] = l0; block[1] = h0; block[2] = l1; block[3] = h1;
    block[4] = l2; block[5] = h2; block[6] = l3; block[7] = h3;
  }
}
