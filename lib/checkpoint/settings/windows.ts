/**
 * Which layers of a decoder attend through a sliding window, and how long it is: from `sliding_window`,
 * `use_sliding_window`, `max_window_layers` and `layer_types`, each of which counts in some architectures.
 */

import * as v from "valibot";
import { ConfigError } from "../../util/errors.ts";
import type { Architecture } from "./architecture.ts";
import { contradiction } from "./contradiction.ts";

/** The fields that this file is about; all may be absent or null. */
export const windowFields = {
  sliding_window: v.nullish(v.number()),
  use_sliding_window: v.nullish(v.boolean()),
  max_window_layers: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0))),
  layer_types: v.nullish(v.array(v.picklist(["full_attention", "sliding_attention"]))),
};

type Fields = v.InferOutput<v.ObjectSchema<typeof windowFields, undefined>>;

/** Windows of a decoder's layers. */
export interface Windows {
  /** Keys that a query sees, itself included; `null` for all before it. */
  readonly slidingWindow: number | null;
  /** Of each layer whether it has the window, where some have and some have not. */
  readonly slidingLayers?: readonly boolean[];
}

/** Layers that are listed one by one at most. */
const MOST_LAYERS = 100_000;

/** Keys of a window where `sliding_window` is absent. */
const DEFAULT_WINDOW = 4096;

/** The first layer of a Qwen with a window where `max_window_layers` is absent. */
const DEFAULT_FIRST = 28;

/**
 * Windows as transformers has them. A Llama has none. A Mistral has that of `sliding_window` on all layers,
 * 4096 where it is absent and none where it is null. A Qwen has it where `use_sliding_window` says so, on
 * the layers that `layer_types` names, and where there are none from `max_window_layers` on.
 *
 * @throws {ConfigError} if a window is no number of keys, or `use_sliding_window` or `layer_types` says
 * otherwise.
 */
export function windowsOf(
  fields: Fields,
  architecture: Architecture,
  layerCount: number,
  file: string,
): Windows {
  return architecture === "LlamaForCausalLM" || architecture === "MistralForCausalLM"
    ? oneWindow(fields, architecture, file)
    : windowsByLayer(fields, layerCount, file);
}

function oneWindow(fields: Fields, architecture: Architecture, file: string): Windows {
  const { sliding_window: field, use_sliding_window: isUsed, layer_types: types } = fields;
  const isMistral = architecture === "MistralForCausalLM";
  const slidingWindow = !isMistral ? null : field === undefined ? DEFAULT_WINDOW : field;
  checkWindow(slidingWindow, file);
  const cause = isMistral ? `as sliding_window is ${slidingWindow}` : "as in any Llama";
  if (isUsed !== undefined && isUsed !== null && isUsed !== (slidingWindow !== null)) {
    const expected = `${slidingWindow !== null}, ${cause}`;
    throw contradiction(file, "use_sliding_window", isUsed, expected);
  }
  const expected = slidingWindow === null ? "full_attention" : "sliding_attention";
  const another = types?.find((type) => type !== expected);
  if (another) throw contradiction(file, "layer_types", another, `only ${expected}, ${cause}`);
  return { slidingWindow };
}

function windowsByLayer(fields: Fields, layerCount: number, file: string): Windows {
  const { sliding_window: field, use_sliding_window: isUsed, layer_types: types } = fields;
  const window = !isUsed ? null : field === undefined ? DEFAULT_WINDOW : field;
  checkWindow(window, file);
  if (types && types.length !== layerCount) {
    throw new ConfigError({
      problem: "does not say of each layer which keys it sees",
      file,
      option: "layer_types",
      value: `${types.length} types`,
      expected: `${layerCount}, as num_hidden_layers says`,
    });
  }
  if (window === null) {
    const cause = isUsed ? "as sliding_window is null" : "as use_sliding_window is not true";
    const another = types?.find((type) => type !== "full_attention");
    if (!another) return { slidingWindow: null };
    throw contradiction(file, "layer_types", another, `only full_attention, ${cause}`);
  }
  const first = fields.max_window_layers ?? DEFAULT_FIRST;
  if (!types && first === 0) return { slidingWindow: window };
  if (!types && first >= layerCount) return { slidingWindow: null };
  if (!types) return { slidingWindow: window, slidingLayers: layersFrom(first, layerCount, file) };
  const slidingLayers = types.map((type) => type === "sliding_attention");
  if (slidingLayers.every((each) => each)) return { slidingWindow: window };
  if (slidingLayers.every((each) => !each)) return { slidingWindow: null };
  return { slidingWindow: window, slidingLayers };
}

/** Whether each layer is the first or after it: of as many as a configuration claims, within reason. */
function layersFrom(first: number, layerCount: number, file: string): boolean[] {
  if (layerCount > MOST_LAYERS) {
    throw new ConfigError({
      problem: "is more than windows by layer are supported for",
      file,
      option: "num_hidden_layers",
      value: layerCount,
      expected: `at most ${MOST_LAYERS} layers`,
    });
  }
  return Array.from({ length: layerCount }, (_, index) => index >= first);
}

function checkWindow(window: number | null, file: string): void {
  if (window === null || (Number.isInteger(window) && window >= 1 && window < 2 ** 31)) return;
  throw new ConfigError({
    problem: "is not supported",
    file,
    option: "sliding_window",
    value: window,
    expected: "a number of keys from 1 to 2³¹ − 1, or null for all",
  });
}
