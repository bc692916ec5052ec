/** Where the greatest of many numbers end, by how many they are or by what they sum to, without sorting them all. */

/** The last of the numbers that count among the greatest. */
export interface Boundary {
  /** Its value: all that are greater are in. */
  readonly value: number;
  /** How many that are equal to it are in. */
  readonly ties: number;
}

/**
 * The boundary of so many greatest numbers.
 *
 * @param numbers more than `most`.
 * @param spare room for as many.
 */
export function firstByCount(numbers: Float64Array, most: number, spare: Float64Array): Boundary {
  // Few of many: those that cannot be among them are left out by one look each.
  const full = Math.min(numbers.length, Math.max(2 * most, 64));
  let [filled, beaten] = [0, -Infinity];
  for (let index = 0; index < numbers.length; index++) {
    if (numbers[index] <= beaten) continue;
    spare[filled++] = numbers[index];
    if (filled < full || index === numbers.length - 1) continue;
    beaten = boundary(spare.subarray(0, filled), most, false).value;
    filled = most;
  }
  return boundary(spare.subarray(0, filled), most, false);
}

/** Sums of numbers that share the leading bits of their 32-bit floats, and those bits of one. */
const sums = new Float64Array(1 << 15);
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);
const UNUSED_BITS = 17;

/**
 * The boundary of the fewest greatest numbers whose sum is a share of the sum of all, or more.
 *
 * @param numbers at least one, each above 2⁻⁵⁴.
 * @param share 0 … 1; of 0 the greatest number alone.
 * @param spare room for as many.
 */
export function firstBySum(numbers: Float64Array, share: number, spare: Float64Array): Boundary {
  // Numbers fall into classes, in whose order they stand: only one class needs a closer look.
  sums.fill(0);
  let [total, last] = [0, 0];
  for (let index = 0; index < numbers.length; index++) {
    float[0] = numbers[index];
    const place = bits[0] >>> UNUSED_BITS;
    sums[place] += numbers[index];
    total += numbers[index];
    if (place > last) last = place;
  }
  const target = share * total;
  let before = 0;
  while (last > 0 && before + sums[last] < target) before += sums[last--];
  // Roundings may leave a share of almost 1 out of reach.
  if (last === 0) return { value: 0, ties: 0 };
  let filled = 0;
  for (let index = 0; index < numbers.length; index++) {
    float[0] = numbers[index];
    if (bits[0] >>> UNUSED_BITS === last) spare[filled++] = numbers[index];
  }
  return boundary(spare.subarray(0, filled), target - before, true);
}

/**
 * Quickselect (Hoare 1961), by three parts: greater, equal, lesser. The numbers are reordered, those within the
 * boundary to the front.
 *
 * @param target what the numbers within are to reach together, by their sum or their count.
 */
function boundary(numbers: Float64Array, target: number, bySum: boolean): Boundary {
  let [from, to, before] = [0, numbers.length, 0];
  while (true) {
    const pivot = median(numbers[from], numbers[(from + to) >> 1], numbers[to - 1]);
    let [greater, index, lesser, sum] = [from, from, to, 0];
    while (index < lesser) {
      const number = numbers[index];
      if (number > pivot) {
        sum += number;
        numbers[index++] = numbers[greater];
        numbers[greater++] = number;
      } else if (number < pivot) {
        numbers[index] = numbers[--lesser];
        numbers[lesser] = number;
      } else index++;
    }
    const front = bySum ? sum : greater - from;
    if (greater > from && before + front >= target) {
      to = greater;
      continue;
    }
    before += front;
    const each = bySum ? pivot : 1;
    const equal = lesser - greater;
    if (before + equal * each >= target || lesser === to) {
      const needed = Math.max(1, Math.ceil((target - before) / each));
      return { value: pivot, ties: Math.min(equal, needed) };
    }
    before += equal * each;
    from = lesser;
  }
}

function median(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
