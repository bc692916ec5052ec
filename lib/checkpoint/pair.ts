/**
 * A pair: a base checkpoint and a fine-tune of it.
 */

import { join } from "node:path";
import { CheckpointError } from "../util/errors.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { DecoderConfig } from "./config.ts";

/** Settings that a fine-tune must share with its base: all that shape the tensors or the forward pass. */
const SHARED = {
  architecture: "architectures",
  vocabularySize: "vocab_size",
  hiddenSize: "hidden_size",
  intermediateSize: "intermediate_size",
  layerCount: "num_hidden_layers",
  headCount: "num_attention_heads",
  keyValueHeadCount: "num_key_value_heads",
  headSize: "head_dim",
  normEpsilon: "rms_norm_eps",
  ropeTheta: "rope_theta",
  slidingWindow: "sliding_window",
  tiedEmbeddings: "tie_word_embeddings",
} as const satisfies Partial<Record<keyof DecoderConfig, string>>;

/**
 * Checks that `fine` can be a fine-tune of `base`: `W_fine − W_base` exists, and the base with a delta
 * runs as the fine-tune runs. A fine-tune that grew its vocabulary is refused; the error names both sizes.
 *
 * @throws {CheckpointError} naming the first setting in which they differ.
 */
export function checkPair(base: Checkpoint, fine: Checkpoint): void {
  const difference = differingSetting(fine.config, base.config);
  if (!difference) return;
  throw new CheckpointError({
    problem: "differs between the fine-tune and its base",
    file: join(fine.directory, "config.json"),
    ...difference,
    expected: `${difference.expected}, as in '${join(base.directory, "config.json")}'`,
  });
}

/**
 * Checks that two checkpoints are not the same to the byte, by their hashes alone.
 *
 * @throws {CheckpointError} if they are.
 */
export async function checkNotAlike(base: Checkpoint, fine: Checkpoint): Promise<void> {
  if (await base.hash() === await fine.hash()) throw noChange(base, fine);
}

/** What there is to say where Δ = 0 everywhere: as a rule, one folder was given twice. */
export function noChange(base: Checkpoint, fine: Checkpoint): CheckpointError {
  return new CheckpointError({
    problem: `holds the weights of its base '${base.directory}': Δ = 0 everywhere`,
    file: fine.directory,
    expected: "a fine-tune, whose weights differ",
  });
}

/** The first setting in which `config` is another model than `expected`, by its name in `config.json`. */
export function differingSetting(
  config: DecoderConfig,
  expected: DecoderConfig,
): { option: string; value: unknown; expected: string } | null {
  for (const [field, option] of Object.entries(SHARED)) {
    const [value, other] = [config, expected].map((each) => each[field as keyof typeof SHARED]);
    if (value !== other) return { option, value, expected: String(other) };
  }
  return null;
}
