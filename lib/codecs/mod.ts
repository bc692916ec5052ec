/**
 * The codecs there are. One file and one line here add a codec; nothing copies this list, so that one
 * that is added while a program runs is a codec like the others.
 */

import { DeltaError } from "../util/errors.ts";
import type { Codec } from "./codec.ts";
import { doubleBinary } from "./double_binary.ts";
import { integers } from "./integers.ts";
import { lossless } from "./lossless.ts";
import { lowRank } from "./low_rank.ts";
import { roundedLowRank } from "./rounded_low_rank.ts";
import { sampled } from "./sampled.ts";
import { signs } from "./signs.ts";
import { sparseSigns } from "./sparse_signs.ts";
import { ternary } from "./ternary.ts";

/** Every codec. */
export const codecs: Codec[] = [
  signs,
  integers,
  lowRank,
  ternary,
  doubleBinary,
  roundedLowRank,
  sparseSigns,
  sampled,
  lossless,
];

/**
 * The codec of a name.
 *
 * @throws {DeltaError} if there is none.
 *
 * @example
 * ```ts
 * import { findCodec } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { coeff } = findCodec("signs").layout([4, 64], { scale: "scalar" });
 * assert.deepEqual(coeff, { dtype: "F32", shape: [] });
 * ```
 */
export function findCodec(name: string): Codec {
  const found = codecs.find((each) => each.name === name);
  if (found) return found;
  throw new DeltaError({
    problem: "is no codec that is known here",
    option: "codec",
    value: name,
    expected: codecs.map((each) => each.name).join(", "),
  });
}
