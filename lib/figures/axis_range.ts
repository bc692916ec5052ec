/**
 * Where an axis ends: close around what is compared, with far reference values left out rather than
 * squeezing the rest.
 */

/** A value with its interval, if it has one. */
export interface Span {
  readonly low: number;
  readonly high: number;
}

/** How many times the span of what is compared an axis may grow to take in a reference. */
const growth = 2.5;

/** Free share of the axis beyond the outermost values. */
const padding = 0.06;

/** An axis' ends, and which references lie outside them. */
export interface AxisRange<Reference> {
  readonly range: [number, number];
  readonly outside: readonly Reference[];
}

/**
 * The ends of an axis that shows every span of `compared`, and each span of `references` that does
 * not make it more than 2.5 times as long as `compared` alone; nearest references are tried first.
 *
 * @param compared at least one span
 */
export function axisRange<Reference extends Span>(
  compared: readonly Span[],
  references: readonly Reference[],
): AxisRange<Reference> {
  let low = Math.min(...compared.map((span) => span.low));
  let high = Math.max(...compared.map((span) => span.high));
  const allowed = growth * leastExtent(low, high);
  const outside: Reference[] = [];
  const distance = ({ low: from, high: to }: Span) => Math.max(low - from, to - high);
  for (const reference of references.toSorted((a, b) => distance(a) - distance(b))) {
    const [grownLow, grownHigh] = [Math.min(low, reference.low), Math.max(high, reference.high)];
    if (grownHigh - grownLow > allowed) outside.push(reference);
    else [low, high] = [grownLow, grownHigh];
  }
  const margin = padding * leastExtent(low, high);
  return { range: [low - margin, high + margin], outside };
}

/** The extent of what an axis shows, at least a hundredth of its size. */
function leastExtent(low: number, high: number): number {
  return Math.max(extentOf(low, high), Math.abs(low) / 100, Math.abs(high) / 100);
}

/** Share of a number within which others are the same but for rounding. */
const rounding = 1e-12;

/**
 * high − low; of what is all one value its size, or 1 of zeros: close marks beside one value would say
 * that it is known as closely.
 */
export function extentOf(low: number, high: number): number {
  const size = Math.max(Math.abs(low), Math.abs(high));
  return high - low > rounding * size ? high - low : size || 1;
}
