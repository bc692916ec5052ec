/**
 * One axis of a panel: where it ends, which round numbers it marks, and where a value lies on it.
 */

/** Values to mark, and how they are written. */
export interface Ticks {
  readonly values: readonly number[];
  readonly texts: readonly string[];
}

/** An axis with its marks. */
export interface AxisScale {
  readonly type: "linear" | "log";
  /** Ends in data units, the lower first. */
  readonly range: readonly [number, number];
  readonly ticks: Ticks;
}

/** Where a value lies between the ends: 0 at the lower, 1 at the upper. */
export function shareOf({ type, range }: AxisScale, value: number): number {
  const [low, high, at] = [...range, value].map(type === "log" ? Math.log10 : Number);
  return (at - low) / (high - low);
}

/** A value or span as plotly wants it for ranges and annotations: on a log axis, powers of ten. */
export function plotlyValue({ type }: AxisScale, value: number): number {
  return type === "log" ? Math.log10(value) : value;
}

/**
 * The marks with texts left out so that those beside each other do not touch: every second, every
 * third … keeps its text, zero among them if it is there.
 *
 * @param length of the axis in pixels
 * @param extent of a text along the axis in pixels: its width or its height
 * @param apart free pixels between two texts
 */
export function thinned(
  scale: AxisScale,
  length: number,
  extent: (text: string) => number,
  apart: number,
): Ticks {
  const { values, texts } = scale.ticks;
  const ends = values.map((value, index) => {
    const [centre, half] = [shareOf(scale, value) * length, extent(texts[index]) / 2];
    return { low: centre - half, high: centre + half };
  });
  const first = Math.max(values.indexOf(0), 0);
  for (let step = 1;; step++) {
    const keeps = (index: number) => (index - first) % step === 0;
    const kept = values.map((_, index) => index).filter(keeps);
    const clear = kept.slice(1).every((index, place) =>
      ends[index].low - ends[kept[place]].high >= apart
    );
    if (!clear) continue;
    return { values, texts: texts.map((text, index) => keeps(index) ? text : "") };
  }
}

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

/** Most intervals between marks on an axis. */
const limit = 7;

/** Exponents of ten beyond which numbers are written with their power. */
const longest = 5;

/** Multiples of 1, 2 or 5 times a power of ten within the range: seven intervals at most. */
export function linearTicks([low, high]: readonly [number, number]): Ticks {
  const steps = [1, 2, 5].map((leading) => {
    const exponent = Math.ceil(Math.log10((high - low) / (leading * limit)));
    return { leading, exponent, step: leading * 10 ** exponent };
  });
  const { leading, exponent } = steps.reduce((a, b) => a.step <= b.step ? a : b);
  /** A count of steps in units of a power of ten. */
  const multiple = (count: number, unit: number) => Number(`${count * leading}e${exponent - unit}`);
  const first = Math.ceil(low / multiple(1, 0));
  const last = Math.floor(high / multiple(1, 0));
  const counts = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const values = counts.map((count) => multiple(count, 0));
  const size = Math.floor(Math.log10(Math.max(...values.map(Math.abs))));
  const unit = Math.abs(size) > longest ? size : 0;
  const texts = counts.map((count) => {
    if (unit !== 0 && count === 0) return "0";
    const text = signed(multiple(count, unit).toFixed(Math.max(0, unit - exponent)));
    return unit === 0 ? text : `${text}·${powerOfTen(unit)}`;
  });
  return { values, texts };
}

/** A number with a typographer's minus sign. */
const signed = (text: string) => text.replace("-", "−");

/**
 * 1, 2 and 5 times the powers of ten within the range: powers of ten alone where those are many, and of
 * very many each second, third …; round numbers at equal steps where those are less than three.
 */
export function logTicks([low, high]: readonly [number, number]): Ticks {
  const decades = { from: Math.floor(Math.log10(low)), to: Math.floor(Math.log10(high)) };
  const leading = decades.to - decades.from > 3 ? [1] : [1, 2, 5];
  const step = Math.ceil((decades.to - decades.from) / limit) || 1;
  const values: number[] = [];
  for (let exponent = decades.from; exponent <= decades.to; exponent += step) {
    values.push(...leading.map((digit) => Number(`${digit}e${exponent}`)));
  }
  const inside = values.filter((value) => value >= low && value <= high);
  return inside.length < 3
    ? linearTicks([low, high])
    : { values: inside, texts: inside.map(plain) };
}

/** 1, 2 or 5 times a power of ten: `0.05`, `2·10⁻⁶`. */
function plain(value: number): string {
  const [digit, exponent] = value.toExponential(0).split("e").map(Number);
  if (Math.abs(exponent) < longest) return String(value);
  return digit === 1 ? powerOfTen(exponent) : `${digit}·${powerOfTen(exponent)}`;
}

function powerOfTen(exponent: number): string {
  return `10${Array.from(String(exponent), (sign) => superscripts[sign]).join("")}`;
}

const superscripts: Readonly<Record<string, string>> = {
  "-": "⁻",
  ...Object.fromEntries(Array.from("⁰¹²³⁴⁵⁶⁷⁸⁹", (sign, digit) => [digit, sign])),
};
