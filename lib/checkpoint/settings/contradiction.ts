/**
 * What is said of two fields of a `config.json` that say different things. Which of them counts differs
 * between versions of transformers and other readers, so that both are named and neither is taken.
 */

import { ConfigError } from "../../util/errors.ts";

/** The refusal of `option`, whose `value` is not the `expected` one of another field. */
export function contradiction(
  file: string,
  option: string,
  value: unknown,
  expected: string,
): ConfigError {
  const problem = "contradicts another field, and readers differ in which counts";
  return new ConfigError({ problem, file, option, value, expected });
}
