/** Derivatives by central differences, in float64: what gradients are compared with. */

/**
 * (f(x + h·eᵢ) − f(x − h·eᵢ)) / 2h for each i of `entries` (default: all). With h = 1e-5 and f of
 * order 1 the error is of order 1e-10.
 */
export function finiteDifferences(
  f: (x: Float64Array) => number,
  x: Float64Array,
  entries: readonly number[] = [...x.keys()],
  step = 1e-5,
): Float64Array {
  const moved = x.slice();
  return Float64Array.from(entries, (entry) => {
    moved[entry] = x[entry] + step;
    const above = f(moved);
    moved[entry] = x[entry] - step;
    const below = f(moved);
    moved[entry] = x[entry];
    return (above - below) / (2 * step);
  });
}
