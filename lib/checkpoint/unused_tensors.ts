/**
 * What a checkpoint holds beside the weights of its configuration. A tensor that would change the model
 * where it were used is refused, never passed over; one that belongs to no part of the decoder is none of
 * its business.
 */

import { CheckpointError } from "../util/errors.ts";
import type { DecoderConfig } from "./config.ts";
import type { OpenWeights } from "./shards.ts";
import { EMBEDDING, HEAD } from "./weights.ts";

/** A part of this decoder: a further bias or norm, a scale of quantisation, an adapter, a further layer. */
const OWN = /^(base_model\.model\.)?(model\.)?(layers\.\d+|embed_tokens|norm|lm_head)\./;

/** Tables of the rotary positions, which follow from θ; older checkpoints hold them. */
const DERIVED = /\.rotary_emb\.[^.]+$/;

/**
 * Checks that nothing in the files changes the decoder beside `needed`, which are looked at.
 *
 * A head of its own beside a tied embedding must be the same: transformers 5 uses it and 4 does not.
 *
 * @throws {CheckpointError} naming the first tensor that does.
 */
export async function checkUnused(
  { fileOf, unnamed }: OpenWeights,
  config: DecoderConfig,
  needed: ReadonlySet<string>,
): Promise<void> {
  const isPart = (tensor: string) => OWN.test(tensor) && !DERIVED.test(tensor);
  const stray = [...unnamed].find(([tensor]) => isPart(tensor));
  if (stray) {
    const [tensor, file] = stray;
    throw new CheckpointError({
      problem: "is in a shard and not in the index, and readers differ in whether they use it",
      file: file.path,
      tensor,
      expected: "an index of all tensors in its shards",
    });
  }
  for (const [tensor, file] of fileOf) {
    if (needed.has(tensor) || !isPart(tensor)) continue;
    if (tensor !== HEAD) {
      throw new CheckpointError({
        problem: "is a part of the decoder that is not supported",
        file: file.path,
        tensor,
        expected:
          `the weights of a ${config.architecture} with ${config.layerCount} layers alone: ` +
          "no other biases or norms, no adapters, no quantisation",
      });
    }
    const embedding = fileOf.get(EMBEDDING)!;
    if (file.tensors.has(HEAD) && await file.isSame(HEAD, embedding, EMBEDDING)) continue;
    throw new CheckpointError({
      problem: "is another than the embedding that config.json ties it to, " +
        "and readers differ in which they use",
      file: file.path,
      tensor,
      expected: `the values of '${EMBEDDING}', or tie_word_embeddings: false in config.json`,
    });
  }
}
