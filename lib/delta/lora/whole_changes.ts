/** What a LoRA adapter can hold of a fine-tune's tensors that are no linear layers: embedding and head as they are. */

import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { changesNumbers, configChanges } from "../../checkpoint/config_changes.ts";
import { differenceMatrix } from "../difference.ts";
import { EMBEDDING, HEAD, wholeTensorNames } from "../../checkpoint/weights.ts";
import { CheckpointError } from "../../util/errors.ts";

/**
 * The whole tensors that a fine-tune changed.
 *
 * @throws {CheckpointError} if one changed that an adapter cannot hold, or a setting that changes the forward pass.
 */
export async function changedWhole(base: Checkpoint, fine: Checkpoint): Promise<string[]> {
  const refuse = (problem: string, tensor: string) =>
    new CheckpointError({
      problem: `${problem}, which a LoRA adapter cannot hold`,
      file: fine.directory,
      tensor,
      expected: "a fine-tune of linear layers, and perhaps of its embedding and head",
    });
  const changed: string[] = [];
  for (const tensor of wholeTensorNames(fine.config)) {
    if (!base.has(tensor)) throw refuse("is the fine-tune's alone", tensor);
    if (`${base.info(tensor).shape}` !== `${fine.info(tensor).shape}`) {
      throw refuse("has another shape than its base's", tensor);
    }
    if (await isSame(base, fine, tensor)) continue;
    if (tensor !== EMBEDDING && tensor !== HEAD) throw refuse("differs from its base's", tensor);
    if (fine.config.tiedEmbeddings) {
      throw refuse("is head too, and differs from its base's", tensor);
    }
    changed.push(tensor);
  }
  if (base.config.tiedEmbeddings && !fine.config.tiedEmbeddings) {
    throw refuse("is a head of its own, where its base's is tied", HEAD);
  }
  const settings = configChanges(base.config, fine.config);
  if (changesNumbers(settings)) {
    throw new CheckpointError({
      problem: "is configured otherwise than its base, which a LoRA adapter cannot hold",
      file: fine.directory,
      value: settings,
      expected: "a fine-tune with its base's settings",
    });
  }
  return changed;
}

/** By their digests where they are of one type, else by their values. */
async function isSame(base: Checkpoint, fine: Checkpoint, tensor: string): Promise<boolean> {
  if (base.info(tensor).dtype === fine.info(tensor).dtype) {
    return await base.digest(tensor) === await fine.digest(tensor);
  }
  const [a, b] = await Promise.all([base, fine].map((each) => each.readDigested(tensor)));
  return differenceMatrix(a, b).every((each) => each === 0);
}
