/** Vectors rounded to a few bits: odd multiples of a step, the one of a few that loses least. */

/** Steps that are tried, in parts of the one whose range holds all of a vector. */
const PARTS = Array.from({ length: 15 }, (_, at) => 1 - at / 20);

/** A vector as odd whole numbers q of n bits, x ≈ step · q. */
export interface RoundedVector {
  readonly numbers: Float32Array;
  /** ⟨x, q⟩ / ⟨q, q⟩, the least-squares step. */
  readonly step: number;
}

/** The nearest odd multiples of the best step. */
export function roundedVector(x: Float32Array, bits: number): RoundedVector {
  const largest = x.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  const most = 2 ** bits - 1;
  let best: RoundedVector = { numbers: new Float32Array(x.length).fill(1), step: 0 };
  let gained = 0;
  for (const part of largest > 0 ? PARTS : []) {
    const step = part * largest / most;
    const numbers = x.map((each) =>
      Math.max(-most, Math.min(most, 2 * Math.floor(each / (2 * step)) + 1))
    );
    let [cross, square] = [0, 0];
    numbers.forEach((each, at) => {
      cross += each * x[at];
      square += each * each;
    });
    // What is left of ⟨x, x⟩ with the best step for these numbers.
    if (cross * cross / square <= gained) continue;
    gained = cross * cross / square;
    best = { numbers, step: cross / square };
  }
  return best;
}
