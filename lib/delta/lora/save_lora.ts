/** A fine-tune that is low-rank beside its base, as one that a LoRA was merged into is, as a folder that PEFT loads. */

import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { checkPair, noChange } from "../../checkpoint/pair.ts";
import type { RawTensor } from "../../checkpoint/tensor.ts";
import { linearLayerNames, linearShape } from "../../checkpoint/weights.ts";
import type { Engine } from "../../graph/engine.ts";
import { ProgramCache } from "../../graph/program_cache.ts";
import { CheckpointError } from "../../util/errors.ts";
import type { Watch } from "../../util/progress.ts";
import { repositoryIn } from "../card/repository.ts";
import { writeAdapter } from "./adapter_folder.ts";
import { factorLayer, type LoraLayer, type LoraSettings } from "./factor_layer.ts";
import { changedWhole } from "./whole_changes.ts";

/** How a LoRA is found and saved. */
export interface SaveLoraOptions extends Partial<LoraSettings>, Watch {}

/** What was saved. */
export interface SavedLora {
  /** Of each layer that changed: its rank, and what is left. */
  readonly layers: readonly Omit<LoraLayer, "a" | "b">[];
  /** Embedding and head, where they changed, which are there whole. */
  readonly whole: readonly string[];
  /** Bytes of all weights of the adapter. */
  readonly bytes: number;
}

/** What is let through unless told otherwise: rounding alone, and ranks that LoRAs have. */
export const LORA_SETTINGS: LoraSettings = { tolerance: 0, mostRank: 128, seed: 1 };

/**
 * Writes the difference of a pair as a LoRA adapter: of each linear layer Δ = B·A with the rank that stands out of
 * the rounding of the fine-tune's weights, by a randomised range finder. With α = r, so that B·A is added as it is.
 *
 * @throws {DeltaError} if a layer's difference is of a higher rank, naming the one that it would need.
 * @throws {CheckpointError} if the two are no pair, or alike, or norms, biases or a vocabulary differ, which no
 * adapter can hold, or no linear layer does.
 * @throws {OutputError} if the folder cannot be written.
 *
 * @example
 * ```ts
 * import { Checkpoint, onnxEngine, projectPath, saveLora } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-code"));
 * // A full fine-tune: its norms changed too.
 * await assert.rejects(saveLora("lora", onnxEngine(), base, fine), /which a LoRA adapter cannot hold/);
 * ```
 */
export async function saveLora(
  directory: string,
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  { onProgress, signal, ...given }: SaveLoraOptions = {},
): Promise<SavedLora> {
  checkPair(base, fine);
  const settings = { ...LORA_SETTINGS, ...given };
  const names = linearLayerNames(fine.config);
  const whole = new Map<string, RawTensor>();
  for (const tensor of await changedWhole(base, fine)) {
    signal?.throwIfAborted();
    whole.set(tensor, await fine.readDigested(tensor));
  }
  const layers: LoraLayer[] = [];
  await using programs = new ProgramCache(engine);
  for (const [index, name] of names.entries()) {
    signal?.throwIfAborted();
    const layer = await factorLayer(programs, { base, fine }, name, settings);
    if (layer && layer.rank > 0) layers.push(layer);
    onProgress?.({ done: index + 1, total: names.length, label: name });
  }
  if (layers.length === 0) throw whole.size === 0 ? noChange(base, fine) : noLayer(fine, whole);
  const adapter = { layers, allLayers: names, whole, base: placeOf(base) };
  const bytes = await writeAdapter(
    directory,
    adapter,
    (layer) => linearShape(fine.config, layer),
  );
  return {
    layers: layers.map(({ a: _a, b: _b, ...told }) => told),
    whole: [...whole.keys()],
    bytes,
  };
}

/** PEFT loads no adapter that targets no layer. */
function noLayer(fine: Checkpoint, whole: ReadonlyMap<string, RawTensor>): CheckpointError {
  return new CheckpointError({
    problem: "has its base's linear layers, and PEFT loads no adapter without one",
    file: fine.directory,
    value: [...whole.keys()],
    expected: "a fine-tune that changed a linear layer",
  });
}

/** What PEFT loads a base by: its repository on the Hub, else its folder. */
function placeOf({ origin, directory }: Checkpoint): string {
  return (origin === null ? null : repositoryIn(origin, "model")) ?? directory;
}
