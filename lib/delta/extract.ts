/**
 * The delta of a pair of checkpoints, with the scales that BitDelta starts from.
 */

import { Buffer } from "node:buffer";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { checkPair } from "../checkpoint/pair.ts";
import { type RawTensor, toFloat32 } from "../checkpoint/tensor.ts";
import { linearLayerNames, linearShape, wholeTensorNames } from "../checkpoint/weights.ts";
import { CheckpointError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { signsTerm } from "../codecs/signs.ts";
import { type MemoryDelta, memoryDelta } from "./delta.ts";
import { FORMAT_VERSION } from "./delta_header.ts";
import { extractSigns } from "./extract_layer.ts";

/**
 * Extracts the one-bit delta of a fine-tune: for each linear layer `S = sign(Δ)` (a zero counts as +1)
 * and `scale = mean|Δ|`, which minimises `‖Δ − scale · S‖`; every other tensor whole, in its own type.
 *
 * Layers are read one at a time; both checkpoints are read once more for their hashes.
 *
 * Source: Liu et al., "BitDelta: Your Fine-Tune May Only Be Worth One Bit", equations 1 to 3.
 *
 * @returns a delta of method `"initial"`.
 * @throws {CheckpointError} if the two do not match or are the same, or a weight is NaN or infinite.
 */
export async function extractDelta(
  base: Checkpoint,
  fine: Checkpoint,
  { onProgress, signal }: Watch = {},
): Promise<MemoryDelta> {
  checkPair(base, fine);
  const names = linearLayerNames(base.config);
  const total = names.length + 2;
  const layers = new Map<string, CompressedLayer>();
  let isChanged = false;
  for (const name of names) {
    signal?.throwIfAborted();
    const { mask, scale } = await extractLayer(base, fine, name);
    isChanged ||= scale !== 0;
    const shape = linearShape(fine.config, name);
    const term = signsTerm(mask, shape, { coeff: scale });
    layers.set(name, { shape, role: "delta", terms: [term] });
    onProgress?.({ done: layers.size, total, label: name });
  }
  const whole = new Map<string, RawTensor>();
  for (const name of wholeTensorNames(fine.config)) {
    const tensor = await fine.read(name);
    fine.checkFinite(name, toFloat32(tensor));
    whole.set(name, tensor);
  }
  if (!isChanged) await checkChange(base, fine, whole);
  signal?.throwIfAborted();
  const baseHash = await base.hash();
  onProgress?.({ done: total - 1, total, label: `hash of ${base.name}` });
  signal?.throwIfAborted();
  const fineHash = await fine.hash();
  onProgress?.({ done: total, total, label: `hash of ${fine.name}` });
  const metadata = { method: "initial", settings: {}, baseHash, fineHash, version: FORMAT_VERSION };
  return memoryDelta(layers, whole, metadata);
}

/**
 * Of a pair whose linear layers do not differ.
 *
 * @throws {CheckpointError} if Δ = 0 everywhere: as a rule, one folder was given twice.
 */
async function checkChange(
  base: Checkpoint,
  fine: Checkpoint,
  whole: ReadonlyMap<string, RawTensor>,
): Promise<void> {
  for (const [name, { bytes }] of whole) {
    if (Buffer.compare(bytes, (await base.read(name)).bytes) !== 0) return;
  }
  throw noChange(base, fine);
}

/**
 * Checks that two checkpoints are not the same to the byte, which asks for their hashes alone.
 *
 * @throws {CheckpointError} if they are.
 */
export async function checkNotAlike(base: Checkpoint, fine: Checkpoint): Promise<void> {
  if (await base.hash() === await fine.hash()) throw noChange(base, fine);
}

function noChange(base: Checkpoint, fine: Checkpoint): CheckpointError {
  return new CheckpointError({
    problem: `holds the weights of its base '${base.directory}': Δ = 0 everywhere`,
    file: fine.directory,
    expected: "a fine-tune, whose weights differ",
  });
}

async function extractLayer(
  base: Checkpoint,
  fine: Checkpoint,
  layer: string,
): Promise<{ mask: Int32Array; scale: number }> {
  const tensor = `${layer}.weight`;
  const baseRaw = await base.read(tensor);
  const fineRaw = await fine.read(tensor);
  const { mask, meanMagnitude } = await extractSigns(baseRaw, fineRaw);
  if (!Number.isFinite(Math.fround(meanMagnitude))) {
    base.checkFinite(tensor, toFloat32(baseRaw));
    fine.checkFinite(tensor, toFloat32(fineRaw));
    throw new CheckpointError({
      problem: "differs from its base by more than its type can hold",
      file: fine.directory,
      tensor,
      value: meanMagnitude,
      expected: `differences within ${fineRaw.dtype}`,
    });
  }
  return { mask, scale: Math.fround(meanMagnitude) };
}
