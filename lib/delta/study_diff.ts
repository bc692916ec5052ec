/**
 * The study's `diff.pt`, written as its `load_diff` reads it; reading is `old_formats.ts`, as of any delta.
 *
 * A dictionary in a file of `torch.save`: of each linear layer `<layer>.mask` (int32 `[in / 32, out]`) and
 * `<layer>.coeff` (a float32 parameter without sides), in the order of the forward pass, then the fine-tune's other
 * weights as parameters, the head of a tied model as a view of the embedding. It holds packed signs with one scale alone, and no metadata: where a delta comes from is
 * lost.
 *
 * `save_diff` and `load_diff`: https://github.com/FasterDecoding/BitDelta/blob/main/bitdelta/diff.py
 */

import { isDeepStrictEqual } from "node:util";
import { changesNumbers } from "../checkpoint/config_changes.ts";
import { type TorchTensorInfo, writeTorch } from "../checkpoint/torch/write_torch.ts";
import type { RawTensor } from "../checkpoint/tensor.ts";
import { layerParts } from "../codecs/layer.ts";
import { scalarSigns } from "../codecs/signs.ts";
import { EMBEDDING, HEAD } from "../checkpoint/weights.ts";
import { DeltaError } from "../util/errors.ts";
import type { Delta } from "./delta.ts";
import { deltaEntries } from "./delta_size.ts";

/** Signs in a word of a mask; `load_diff` takes every word to be full. */
const WORD = 32;
const MASK = ".mask";
const WEIGHT = ".weight";

/**
 * Writes a delta as the study's code does, atomically, a layer at a time.
 *
 * @throws {DeltaError} if the file cannot hold the delta: a layer that is no mask with one scale or whose width is
 * no multiple of 32, a tensor that `load_diff` would pass over, or settings of the forward pass; and as the delta's
 * own layers do.
 * @throws {OutputError} if the file cannot be written; nothing is left behind.
 *
 * @example
 * ```ts
 * import { memoryDelta, readDelta, signsTerm, writeStudyDiff } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const shape: [number, number] = [2, 64];
 * const terms = [signsTerm(new Int32Array(4), shape, { coeff: 0.5 })];
 * const layers = new Map([["model.layers.0.mlp.up_proj", { shape, role: "delta" as const, terms }]]);
 * const metadata = { method: "mine", settings: {}, baseHash: null, fineHash: null, version: null };
 * const folder = await Deno.makeTempDir();
 * const path = `${folder}/diff.pt`;
 * await writeStudyDiff(path, memoryDelta(layers, new Map(), metadata));
 * assert.deepEqual((await readDelta(path)).layers, layers);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeStudyDiff(path: string, delta: Delta): Promise<void> {
  deltaEntries(delta, path);
  checkHolds(delta, path);
  const tensors: TorchTensorInfo[] = [];
  const layerOf = new Map<string, string>();
  for (const [layer, form] of delta.layers) {
    for (const { entry, info } of layerParts(layer, form)) {
      tensors.push({ name: entry, ...info, isParameter: !entry.endsWith(MASK) });
      layerOf.set(entry, layer);
    }
  }
  for (const [name, info] of delta.whole) tensors.push({ name, ...info, isParameter: true });
  const embedding = delta.whole.get(EMBEDDING);
  // A head that is tied: `load_diff` gives the embedding its weights and would leave the base's to the head.
  if (embedding && !delta.whole.has(HEAD)) {
    tensors.push({ name: HEAD, ...embedding, isParameter: true, tiedTo: EMBEDDING });
  }
  // A layer's parts follow one another: it is read once for them.
  let last: { layer: string; parts: Readonly<Record<string, RawTensor>> } | null = null;
  await writeTorch(path, tensors, async (name) => {
    const layer = layerOf.get(name);
    if (layer === undefined) return (await delta.readWhole(name)).bytes;
    if (last?.layer !== layer) {
      const [{ parts }] = (await delta.readLayer(layer)).terms;
      last = { layer, parts };
    }
    return last.parts[name.slice(layer.length + 1)].bytes;
  });
}

function checkHolds({ layers, whole, metadata }: Delta, file: string): void {
  const refuse = (tensor: string | undefined, value: string, expected: string) => {
    const problem = "is not what the study's diff.pt can hold";
    throw new DeltaError({ problem, file, tensor, value, expected });
  };
  for (const [layer, { shape, role, terms }] of layers) {
    const stored = terms.map(({ codec, form }) => ({ codec, form }));
    if (role !== "delta" || !isDeepStrictEqual(stored, [scalarSigns])) {
      const parts = stored.map(({ codec, form }) => `${codec} ${JSON.stringify(form)}`).join(" + ");
      refuse(layer, `${role}: ${parts}`, "a mask with one scale, added to the base");
    }
    if (shape[1] % WORD !== 0) refuse(layer, `a width of ${shape[1]}`, "a multiple of 32");
  }
  for (const tensor of whole.keys()) {
    if (tensor.endsWith(WEIGHT)) continue;
    refuse(tensor, "a tensor that its load_diff passes over", `whole tensors named '….weight'`);
  }
  if (!changesNumbers(metadata.config ?? {})) return;
  refuse(undefined, JSON.stringify(metadata.config), "a fine-tune that is configured as its base");
}
