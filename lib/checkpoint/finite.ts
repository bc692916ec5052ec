/** Where numbers stop being finite. */

/** Index of the first NaN or infinity; -1 if all are finite. */
export function firstNotFinite(values: Float32Array): number {
  let index = 0;
  while (index < values.length && Number.isFinite(values[index])) index++;
  return index < values.length ? index : -1;
}
