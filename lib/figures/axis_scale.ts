/**
 * One axis of a panel: its ends, its marks, and where a value lies on it.
 */

import type { Ticks } from "./ticks.ts";

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
