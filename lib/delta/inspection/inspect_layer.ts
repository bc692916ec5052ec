/** One layer of a delta's file, or one whole tensor, part by part. */

import { isFloatType } from "../../checkpoint/tensor.ts";
import type { LinearShape } from "../../checkpoint/weights.ts";
import type { Term } from "../../codecs/codec.ts";
import { layerParts } from "../../codecs/layer.ts";
import { DeltaError } from "../../util/errors.ts";
import type { DeltaFile } from "../delta_file.ts";
import { type ScaleRange, scaleRanges } from "./scale_range.ts";

/** One entry of a file. */
export interface PartInspection {
  /** Its name in the file. */
  readonly entry: string;
  /** Its type. */
  readonly dtype: string;
  /** Its shape. */
  readonly shape: readonly number[];
  /** Its bytes in the file. */
  readonly bytes: number;
}

/** One layer, or one whole tensor. */
export interface LayerInspection {
  /** As in the checkpoint, a linear layer's without `.weight`. */
  readonly name: string;
  /** Whether it is added to the base's weights, stands in their place, or is a tensor of the fine-tune's own. */
  readonly role: "delta" | "weight" | "whole";
  /** `[out, in]` of a linear layer; of any other tensor its own. */
  readonly shape: LinearShape | readonly number[];
  /** How it is stored; none of a whole tensor. */
  readonly terms: readonly Omit<Term, "parts">[];
  /** Its entries. */
  readonly parts: readonly PartInspection[];
  /** Its scales. */
  readonly scales: readonly ScaleRange[];
}

/** Names of layers that a refusal shows. */
const SHOWN = 3;

/**
 * Looks at one layer or whole tensor.
 *
 * @throws {DeltaError} if there is none of this name, or a scale is not as it was written.
 */
export async function inspectLayer(file: DeltaFile, name: string): Promise<LayerInspection> {
  const layer = name.replace(/\.weight$/, "");
  const form = file.layers.get(layer);
  if (form) {
    const parts = layerParts(layer, form).map(({ entry, info }) => ({
      entry,
      dtype: info.dtype,
      shape: info.shape,
      bytes: file.storedBytes(entry),
    }));
    const hasScales = parts.some(({ dtype }) => isFloatType(dtype));
    const scales = hasScales ? await scaleRanges(file, [layer]) : [];
    return { name: layer, ...form, parts, scales };
  }
  const whole = file.whole.get(name);
  if (whole) {
    const parts = [{ entry: name, ...whole, bytes: file.storedBytes(name) }];
    return { name, role: "whole", shape: whole.shape, terms: [], parts, scales: [] };
  }
  const all = [...file.layers.keys(), ...file.whole.keys()];
  const expected = `one of its ${file.layers.size} layers or ${file.whole.size} whole tensors, ` +
    `such as ${all.slice(0, SHOWN).join(", ")}`;
  throw new DeltaError({ problem: "is not in the delta", file: file.path, tensor: name, expected });
}
