/**
 * Round numbers for an axis; on a linear one all have the same digits (plotly writes 9 beside 9.5).
 */

/** Values to mark, and how they are written. */
export interface Ticks {
  readonly values: readonly number[];
  readonly texts: readonly string[];
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
