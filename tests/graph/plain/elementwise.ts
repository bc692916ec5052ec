/**
 * Elementwise ops and sums as float64 loops over flat, row-major numbers: what the graph's ops are
 * compared with. Written for reading, not for speed.
 */

/** a + b */
export function add(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((x, index) => x + b[index]);
}

/** a − b */
export function subtract(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((x, index) => x - b[index]);
}

/** a ∘ b; a shorter b is repeated along the leading axes. */
export function multiply(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((x, index) => x * b[index % b.length]);
}

/** a / b */
export function divide(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((x, index) => x / b[index]);
}

/** x · σ(x) */
export function silu(x: Float64Array): Float64Array {
  return x.map((each) => each / (1 + Math.exp(-each)));
}

/** Sums over leading axes, so that the `count` elements of the trailing axes are left. */
export function sumTo(x: Float64Array, count: number): Float64Array {
  const sums = new Float64Array(count);
  x.forEach((each, index) => sums[index % count] += each);
  return sums;
}

/** x repeated along leading axes until there are `count` elements. */
export function broadcastTo(x: Float64Array, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, index) => x[index % x.length]);
}

/** Σx / n */
export function mean(x: Float64Array): Float64Array {
  return sumTo(x, 1).map((sum) => sum / x.length);
}
