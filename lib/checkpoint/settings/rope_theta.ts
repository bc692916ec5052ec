/** θ of the rotary positions, which a `config.json` may give at three places. */

import { contradiction } from "./contradiction.ts";
import type { RopeFields } from "./rope_scaling.ts";

/** θ where no field gives one. */
const DEFAULT_THETA = 10000;

/**
 * θ of the rotary positions.
 *
 * transformers 5 takes it from `rope_scaling`, and only where that is empty from `rope_parameters`;
 * where the one that it looks into has none, from `rope_theta`. 4 takes it from `rope_theta` alone.
 *
 * @throws {ConfigError} if two fields give different ones, or `rope_parameters` gives one that is not
 * looked at.
 */
export function ropeTheta(fields: RopeFields, file: string): number {
  const groups = ["rope_parameters", "rope_scaling"] as const;
  const given = [
    ["rope_theta", fields.rope_theta],
    ...groups.map((group) => [`${group}.rope_theta`, fields[group]?.rope_theta] as const),
  ].filter((each): each is [string, number] => each[1] !== undefined && each[1] !== null);
  const [[first, theta] = ["", DEFAULT_THETA]] = given;
  for (const [option, value] of given) {
    if (value !== theta) throw contradiction(file, option, value, `${theta}, as in ${first}`);
  }
  const isAlone = first === "rope_parameters.rope_theta" && given.length === 1;
  const hasScaling = Object.keys(fields.rope_scaling ?? {}).length > 0;
  if (isAlone && hasScaling && theta !== DEFAULT_THETA) {
    const expected = `${DEFAULT_THETA}, or no rope_scaling, beside which some do not look here`;
    throw contradiction(file, first, theta, expected);
  }
  return theta;
}
