/**
 * Embedding and head in a few bits: a setting that any closed form may have under the name `tables`. Their delta is
 * rounded to nearest; a table that the base has not, or has of another shape (a grown vocabulary), stays whole.
 */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { RawTensor } from "../checkpoint/tensor.ts";
import {
  compareLinearLayers,
  isTable,
  type LinearShape,
  wholeTensorNames,
} from "../checkpoint/weights.ts";
import type { CompressedLayer, LayerForm } from "../codecs/codec.ts";
import { type IntegerForm, integersForm } from "../codecs/integers.ts";
import { roundToIntegers } from "../codecs/round_integers.ts";
import type { ChoiceSetting, Settings } from "../util/settings.ts";

/** How embedding and head are kept: as they are, or their delta in so many bits. */
export type Tables = "whole" | "8-bit" | "4-bit" | "3-bit" | "2-bit";

/** Columns that share a scale. */
const GROUP = 128;

/** The setting, of a method that keeps embedding and head so unless it is asked. */
export function tablesSetting(usual: Tables): ChoiceSetting<Tables> {
  return {
    kind: "choice",
    default: usual,
    values: ["whole", "8-bit", "4-bit", "3-bit", "2-bit"],
    help: "how embedding and head are kept: whole, or their delta in so many bits",
  };
}

/** How a tensor is stored with these settings; `null`: whole. */
export function tableForm(
  tensor: string,
  shape: readonly number[],
  settings: Settings,
): LayerForm | null {
  const form = integerForm(settings);
  if (form === null || !isTable(tensor)) return null;
  return { shape: shape as LinearShape, role: "delta", terms: [integersForm(form)] };
}

/** Whether a table of the fine-tune has one of the base to be added to. */
export function hasBaseTable(base: Checkpoint, fine: Checkpoint, tensor: string): boolean {
  return wholeTensorNames(base.config).includes(tensor) &&
    `${base.info(tensor).shape}` === `${fine.info(tensor).shape}`;
}

/** The delta of a table, rounded as {@linkcode tableForm} says. */
export async function roundTable(
  base: RawTensor,
  fine: RawTensor,
  settings: Settings,
  signal?: AbortSignal,
): Promise<CompressedLayer> {
  const term = await roundToIntegers(fine, base, integerForm(settings)!, signal);
  return { shape: fine.shape as LinearShape, role: "delta", terms: [term] };
}

/** Layers in the order of a delta: a table is made when it is read, which may be before the layers. */
export function tablesLast(
  layers: ReadonlyMap<string, CompressedLayer>,
): Map<string, CompressedLayer> {
  return new Map([...layers].sort(([a], [b]) => compareLinearLayers(a, b)));
}

/** In bfloat16 a scale reaches the smallest deltas. */
function integerForm({ tables = "whole" }: Settings): Omit<IntegerForm, "ordered"> | null {
  if (tables === "whole") return null;
  return { bits: Number.parseInt(String(tables)), group: GROUP, type: "BF16" };
}
