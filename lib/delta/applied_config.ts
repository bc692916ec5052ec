/**
 * The configuration of a base with a delta: the fine-tune's. Its vocabulary and whether it has a head of its own
 * follow from the delta's whole tensors and tables, what else differs from the delta's metadata, all other from the base.
 */

import { Buffer } from "node:buffer";
import type { DecoderConfig } from "../checkpoint/config.ts";
import { changedConfig } from "../checkpoint/config_changes.ts";
import { EMBEDDING, HEAD } from "../checkpoint/weights.ts";
import { ConfigError, DeltaError } from "../util/errors.ts";
import type { Delta } from "./delta.ts";

/**
 * What a base with a delta computes. Reads at most a head and the embedding that it may be tied to.
 *
 * @param baseName for errors.
 * @throws {DeltaError} if the delta names a setting that the base cannot have.
 */
export async function appliedConfig(
  base: DecoderConfig,
  delta: Delta,
  baseName: string,
): Promise<DecoderConfig> {
  const { shape } = delta.whole.get(EMBEDDING) ?? delta.layers.get(EMBEDDING) ?? {};
  return {
    ...withChanges(base, delta, baseName),
    // Of any other shape it is refused with the other tensors.
    vocabularySize: shape?.length === 2 ? shape[0] : base.vocabularySize,
    tiedEmbeddings: !delta.layers.has(HEAD) &&
      (!delta.whole.has(HEAD) || base.tiedEmbeddings && await isCopy(delta)),
  };
}

function withChanges(base: DecoderConfig, { metadata }: Delta, baseName: string): DecoderConfig {
  try {
    return changedConfig(base, metadata.config ?? {}, baseName);
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    const { option, value, expected } = cause.fault;
    throw new DeltaError({
      problem: `its fine-tune is configured as '${baseName}' cannot be`,
      option: option && `config.${option}`,
      value,
      expected,
      cause,
    });
  }
}

/** Whether the head repeats the embedding, as whole state dicts of tied models hold it. */
async function isCopy(delta: Delta): Promise<boolean> {
  if (!delta.whole.has(EMBEDDING)) return false;
  const [head, embedding] = [await delta.readWhole(HEAD), await delta.readWhole(EMBEDDING)];
  return head.dtype === embedding.dtype && Buffer.compare(head.bytes, embedding.bytes) === 0;
}
