/** What a delta takes in a file, counted from the layouts of its codecs alone. Not here: files. */

import { byteCount, elementCount, type TensorInfo } from "../checkpoint/tensor.ts";
import { isTable } from "../checkpoint/weights.ts";
import type { LayerForm } from "../codecs/codec.ts";
import { layerBytes, layerParts } from "../codecs/layer.ts";
import { DeltaError } from "../util/errors.ts";
import { type Delta, NO_FIT } from "./delta.ts";

/**
 * What a file of a delta holds: type and shape of each entry.
 *
 * @param file for errors.
 * @throws {DeltaError} if two entries are of one name, or a layer stands there whole too.
 */
export function deltaEntries(
  { layers, whole }: Pick<Delta, "layers" | "whole">,
  file?: string,
): Map<string, TensorInfo> {
  const entries = new Map<string, TensorInfo>(whole);
  for (const [layer, form] of layers) {
    const tensor = isTable(layer) ? layer : `${layer}.weight`;
    if (whole.has(tensor)) {
      throw new DeltaError({
        problem: NO_FIT,
        file,
        tensor,
        expected: "nothing whole beside the parts of a layer",
      });
    }
    for (const { entry, info } of layerParts(layer, form)) {
      if (entries.has(entry)) {
        const problem = "stands for two parts";
        throw new DeltaError({ problem, file, tensor: entry, expected: "one name a part" });
      }
      entries.set(entry, info);
    }
  }
  return entries;
}

/**
 * Bytes that a delta takes in a file, its header left out: parts of layers and whole tensors.
 *
 * @example
 * ```ts
 * import { deltaBytes, type LayerForm } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const terms = [{ codec: "signs", form: { scale: "scalar" } }];
 * const layers = new Map([["a", { shape: [32, 64], role: "delta", terms } satisfies LayerForm]]);
 * assert.equal(deltaBytes({ layers, whole: new Map() }), 32 * 64 / 8 + 4);
 * ```
 */
export function deltaBytes({ layers, whole }: Pick<Delta, "layers" | "whole">): number {
  let bytes = 0;
  for (const form of layers.values()) bytes += layerBytes(form);
  for (const info of whole.values()) bytes += byteCount(info);
  return bytes;
}

/**
 * How many linear layers a delta has: embedding and head, where they are stored as layers are, do not count.
 *
 * @example
 * ```ts
 * import { Checkpoint, linearCount, planDelta, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-code"));
 * const plan = planDelta(fine, { method: "activation-aware+", variant: "light" });
 * assert.equal(linearCount(plan), 7 * fine.config.layerCount);
 * assert.ok(plan.layers.size > linearCount(plan));
 * ```
 */
export function linearCount({ layers }: Pick<Delta, "layers">): number {
  return [...layers.keys()].filter((name) => !isTable(name)).length;
}

/**
 * Bits that a weight of the linear layers takes, scales included and whole tensors left out, as embedding and head
 * are.
 *
 * @example
 * ```ts
 * import { bitsPerWeight, type LayerForm } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const terms = [{ codec: "signs", form: { scale: "scalar" } }];
 * const layers = new Map([["a", { shape: [32, 64], role: "delta", terms } satisfies LayerForm]]);
 * assert.equal(bitsPerWeight({ layers }), 1 + 32 / (32 * 64));
 * ```
 */
export function bitsPerWeight({ layers }: Pick<Delta, "layers">): number {
  return bitsOf([...layers].filter(([name]) => !isTable(name)).map(([, form]) => form));
}

/** Bits that a weight of some layers takes, scales included. */
export function bitsOf(forms: readonly LayerForm[]): number {
  const bytes = forms.reduce((sum, form) => sum + layerBytes(form), 0);
  return 8 * bytes / forms.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}
