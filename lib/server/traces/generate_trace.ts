/** Traces by chance: arrivals of a Poisson process, tenants by Zipf's law or all alike, lengths uniform. */

import { OptionError } from "../../util/errors.ts";
import { SeededRandom } from "../../util/random.ts";
import { completeSettings, type Schema } from "../../util/settings.ts";
import type { TraceRequest } from "./trace.ts";

/** What a trace is made by. */
export type TraceSettings = {
  /** Requests in all. */
  readonly requests: number;
  /** Tenants: `tenant-1`, the most wanted, and so on. */
  readonly tenants: number;
  /** Zipf's exponent: the k-th tenant is asked for k^−exponent times as often as the first; 0: all alike. */
  readonly exponent: number;
  /** Requests that come in a second, on average. */
  readonly rate: number;
  /** Tokens of the shortest and of the longest prompt. */
  readonly shortestPrompt: number;
  readonly longestPrompt: number;
  /** Tokens of the shortest and of the longest answer. */
  readonly shortestAnswer: number;
  readonly longestAnswer: number;
  /** Determines all of it. */
  readonly seed: number;
};

const number = (
  kind: "whole number" | "number",
  value: number,
  [minimum, maximum]: readonly [number, number],
  help: string,
) => ({ kind, default: value, minimum, maximum, help });
const COUNT = [1, 1e7] as const;
const LENGTH = [1, 1e6] as const;

/** The settings, with their bounds. */
export const traceSettings: Schema<TraceSettings> = {
  requests: number("whole number", 100, COUNT, "requests in all"),
  tenants: number("whole number", 8, COUNT, "tenants"),
  exponent: number(
    "number",
    1,
    [0, 10],
    "Zipf's exponent of how often each is asked for; 0: alike",
  ),
  rate: number("number", 1, [1e-6, 1e6], "requests a second, on average"),
  shortestPrompt: number("whole number", 16, LENGTH, "tokens of the shortest prompt"),
  longestPrompt: number("whole number", 256, LENGTH, "tokens of the longest prompt"),
  shortestAnswer: number("whole number", 8, LENGTH, "tokens of the shortest answer"),
  longestAnswer: number("whole number", 128, LENGTH, "tokens of the longest answer"),
  seed: number("whole number", 0, [0, 2 ** 32 - 1], "determines all of it"),
};

/**
 * A trace by chance.
 *
 * @throws {OptionError} if a setting is unknown or out of its bounds.
 *
 * @example
 * ```ts
 * import { generateTrace } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const trace = generateTrace({ requests: 1000, tenants: 4, exponent: 1, rate: 10 });
 * const first = trace.filter(({ tenant }) => tenant === "tenant-1").length;
 * // 1 / (1 + 1/2 + 1/3 + 1/4) of all.
 * assert.ok(Math.abs(first - 480) < 60);
 * ```
 */
export function generateTrace(given: Partial<TraceSettings>): TraceRequest[] {
  const settings = completeSettings(traceSettings, given, "a trace");
  const { requests, tenants, exponent, rate, seed } = settings;
  for (const part of ["Prompt", "Answer"] as const) {
    const [shortest, longest] = [settings[`shortest${part}`], settings[`longest${part}`]];
    if (shortest <= longest) continue;
    const expected = `${shortest} at least, as the shortest`;
    const option = `longest${part}`;
    throw new OptionError({ problem: "does not fit a trace", option, value: longest, expected });
  }
  const random = new SeededRandom(seed);
  const between = (least: number, most: number) => least + random.integer(most - least + 1);
  const weights = Array.from({ length: tenants }, (_, index) => (index + 1) ** -exponent);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const tenantOf = (share: number) => {
    let left = share * total;
    const found = weights.findIndex((weight) => (left -= weight) < 0);
    return `tenant-${found < 0 ? tenants : found + 1}`;
  };
  let arrival = 0;
  return Array.from({ length: requests }, (_, index) => {
    arrival -= Math.log(random.uniform()) / rate;
    return {
      ...{ id: `${index + 1}`, arrival, tenant: tenantOf(random.uniform()) },
      promptTokens: between(settings.shortestPrompt, settings.longestPrompt),
      outputTokens: between(settings.shortestAnswer, settings.longestAnswer),
    };
  });
}
