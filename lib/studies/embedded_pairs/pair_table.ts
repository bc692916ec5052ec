/**
 * The counts behind byte-pair training: words as sequences of pieces, and how often two pieces stand
 * side by side. A merge rewrites only the words that hold the pair, so the counts are never taken
 * anew. Knows nothing of texts or files.
 */

interface Pair {
  readonly left: number;
  readonly right: number;
  count: number;
  /** Indices of words that hold the pair, or held it before another merge. */
  readonly words: Set<number>;
}

interface Word {
  /** Indices into `pieces`; -1 is a character outside the alphabet, which joins nothing. */
  symbols: number[];
  readonly frequency: number;
}

/** Pieces, words spelled in them, and the counts of neighbouring pieces. */
export class PairTable {
  /** The alphabet, then each merged piece in the order of learning. */
  readonly pieces: string[];
  readonly #indexOf: Map<string, number>;
  readonly #words: Word[];
  readonly #pairs = new Map<number, Pair>();

  constructor(frequencies: ReadonlyMap<string, number>, alphabet: readonly string[]) {
    this.pieces = [...alphabet];
    this.#indexOf = new Map(alphabet.map((character, index) => [character, index]));
    this.#words = [...frequencies].map(([text, frequency]) => ({
      symbols: Array.from(text, (character) => this.#indexOf.get(character) ?? -1),
      frequency,
    }));
    this.#words.forEach((_, index) => this.#count(index, +1));
  }

  /**
   * Joins the most frequent pair everywhere, from left to right in each word, and returns it;
   * `undefined` once no pair occurs twice. Two merges may give the same piece, which then is one.
   */
  mergeMostFrequent(): [string, string] | undefined {
    const best = this.#mostFrequent();
    if (best === undefined) return undefined;
    const names: [string, string] = [this.pieces[best.left], this.pieces[best.right]];
    const piece = names.join("");
    const merged = this.#indexOf.get(piece) ?? this.pieces.push(piece) - 1;
    this.#indexOf.set(piece, merged);
    for (const index of best.words) {
      this.#count(index, -1);
      this.#words[index].symbols = join(this.#words[index].symbols, best, merged);
      this.#count(index, +1);
    }
    return names;
  }

  #mostFrequent(): Pair | undefined {
    let best: Pair | undefined;
    for (const pair of this.#pairs.values()) {
      if (pair.count >= 2 && (best === undefined || this.#precedes(pair, best))) best = pair;
    }
    return best;
  }

  #precedes(a: Pair, b: Pair): boolean {
    if (a.count !== b.count) return a.count > b.count;
    const [leftA, leftB] = [this.pieces[a.left], this.pieces[b.left]];
    return leftA === leftB ? this.pieces[a.right] < this.pieces[b.right] : leftA < leftB;
  }

  /** Adds (`sign` 1) or takes away (-1) the pairs of one word. */
  #count(index: number, sign: 1 | -1): void {
    const { symbols, frequency } = this.#words[index];
    for (let i = 0; i + 1 < symbols.length; i++) {
      const [left, right] = [symbols[i], symbols[i + 1]];
      if (left < 0 || right < 0) continue;
      const key = left * 2 ** 26 + right;
      let pair = this.#pairs.get(key);
      if (pair === undefined) {
        pair = { left, right, count: 0, words: new Set() };
        this.#pairs.set(key, pair);
      }
      pair.count += sign * frequency;
      if (sign > 0) pair.words.add(index);
      else if (pair.count === 0) this.#pairs.delete(key);
    }
  }
}

function join(symbols: readonly number[], { left, right }: Pair, merged: number): number[] {
  const joined: number[] = [];
  for (let i = 0; i < symbols.length; i++) {
    const isPair = symbols[i] === left && symbols[i + 1] === right;
    joined.push(isPair ? merged : symbols[i]);
    if (isPair) i++;
  }
  return joined;
}
