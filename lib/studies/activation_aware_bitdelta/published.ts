/** The study's published numbers, read from `data/study.json`, which says where each came from. */

import * as v from "valibot";
import type { Domain } from "../../texts/domains.ts";
import { firstIssue } from "../../util/json_file.ts";
import { InputError } from "../../util/errors.ts";
import { readTextAs } from "../../util/read_file.ts";
import { projectPath } from "../../util/project.ts";
import { canonical, sha256 } from "../../util/canonical.ts";

/** A file of published numbers that is not as expected. */
export class PublishedNumbersError extends InputError {}

const twoMethods = { activation_aware: v.number(), standard: v.number() };
const pairRow = v.object({ base: v.string(), fine: v.string(), ...twoMethods });
const domainCurve = v.object({
  figure: v.number(),
  dataset: v.string(),
  rows_scored: v.number(),
  standard: v.number(),
  activation_aware: v.array(v.number()),
});
const schema: v.GenericSchema<unknown, PublishedNumbers> = v.object({
  study: v.string(),
  hardware: v.string(),
  table1_perplexity: v.object({ rows: v.array(pairRow) }),
  table2_wall_clock_s: v.object({ rows: v.array(pairRow) }),
  figure1_wall_clock_s_by_batch_size: v.object({
    pair: v.tuple([v.string(), v.string()]),
    batch_size: v.array(v.number()),
    standard: v.array(v.nullable(v.number())),
    activation_aware: v.array(v.number()),
  }),
  figures2to5_perplexity_by_calibration_size: v.object({
    pair: v.tuple([v.string(), v.string()]),
    calibration_size: v.array(v.number()),
    code: domainCurve,
    health: domainCurve,
    finance: domainCurve,
    wikitext: domainCurve,
  }),
  claims: v.array(v.object({
    id: v.string(),
    claim: v.string(),
    where: v.string(),
    check: v.string(),
  })),
});

/** What the study published. "Standard" is distillation, as in its text. */
export interface PublishedNumbers {
  /** Its title. */
  readonly study: string;
  /** What it ran on. */
  readonly hardware: string;
  /** Table 1. */
  readonly table1_perplexity: { readonly rows: readonly PublishedPair[] };
  /** Table 2, in seconds. */
  readonly table2_wall_clock_s: { readonly rows: readonly PublishedPair[] };
  /** Figure 1, in seconds; `null`: out of memory. */
  readonly figure1_wall_clock_s_by_batch_size: {
    readonly pair: readonly [base: string, fine: string];
    readonly batch_size: readonly number[];
    readonly standard: readonly (number | null)[];
    readonly activation_aware: readonly number[];
  };
  /** Figures 2–5. */
  readonly figures2to5_perplexity_by_calibration_size:
    & {
      readonly pair: readonly [base: string, fine: string];
      readonly calibration_size: readonly number[];
    }
    & { readonly [domain in Domain]: PublishedCurve };
  /** What it claims, and by which numbers that is checked. */
  readonly claims: readonly {
    readonly id: string;
    readonly claim: string;
    readonly where: string;
    readonly check: string;
  }[];
}

/** A pair in Table 1 or 2. */
export interface PublishedPair {
  /** Name of the base. */
  readonly base: string;
  /** Name of the fine-tune. */
  readonly fine: string;
  /** Of the activation-aware method. */
  readonly activation_aware: number;
  /** Of distillation. */
  readonly standard: number;
}

/** One of Figures 2–5. */
export interface PublishedCurve {
  /** Its number. */
  readonly figure: number;
  /** The text that was scored. */
  readonly dataset: string;
  /** Rows of it. */
  readonly rows_scored: number;
  /** Perplexity of distillation. */
  readonly standard: number;
  /** Perplexity of the activation-aware method at each calibration size. */
  readonly activation_aware: readonly number[];
}

const FILE = "data/study.json";

/** Of the numbers as they were published: what is printed does not change. */
const PUBLISHED = "5f9d0aa2b0d43576d78e43d144663022975cf826d82318745f778a702f635509";

/**
 * Reads the published numbers.
 *
 * @throws {PublishedNumbersError} as {@linkcode parsePublishedNumbers}, or if there are none to read.
 *
 * @example
 * ```ts
 * import { readPublishedNumbers } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { table1_perplexity } = await readPublishedNumbers();
 * assert.equal(table1_perplexity.rows.length, 4);
 * ```
 */
export async function readPublishedNumbers(): Promise<PublishedNumbers> {
  const expected = "the published numbers with their sources";
  return parsePublishedNumbers(
    await readTextAs(projectPath(FILE), PublishedNumbersError, expected),
  );
}

/**
 * Checks the text of `data/study.json`: its form, and by a digest every number in it.
 *
 * @throws {PublishedNumbersError} naming the field that is missing or of another type, or the digest.
 */
export function parsePublishedNumbers(text: string): PublishedNumbers {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (!result.success) {
    const { option, value, expected } = firstIssue(result.issues);
    const problem = "does not hold the published numbers";
    throw new PublishedNumbersError({ problem, file: FILE, option, value, expected });
  }
  const digest = digestOf(text);
  if (digest === PUBLISHED) return result.output;
  throw new PublishedNumbersError({
    problem: "is not as it was published",
    file: FILE,
    option: "digest",
    value: digest,
    expected: `${PUBLISHED}, as in this repository`,
  });
}

/** Of JSON however it is laid out; a file that is nested deeper than this can follow is no sound one. */
function digestOf(text: string): string {
  try {
    return sha256(canonical(JSON.parse(text)));
  } catch (error) {
    if (error instanceof RangeError) return "none, for its depth";
    throw error;
  }
}
