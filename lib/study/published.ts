/** The study's published numbers, read from `data/study.json`, which says where each came from. */

import * as v from "valibot";
import { InputError } from "../errors.ts";

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
const schema = v.object({
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
export type PublishedNumbers = v.InferOutput<typeof schema>;

/**
 * Reads the published numbers.
 *
 * @throws {PublishedNumbersError} naming the field that is missing or of another type.
 */
export async function readPublishedNumbers(): Promise<PublishedNumbers> {
  const file = new URL("../../data/study.json", import.meta.url);
  const result = v.safeParse(schema, JSON.parse(await Deno.readTextFile(file)));
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new PublishedNumbersError({
    problem: issue.message,
    file: "data/study.json",
    option: v.getDotPath(issue) ?? undefined,
    expected: "the published numbers with their sources",
  });
}
