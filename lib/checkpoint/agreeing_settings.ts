/**
 * Settings that a `config.json` may give in several fields: architecture, rotary positions, sliding
 * window.
 *
 * Which of two fields counts differs between versions of transformers and other readers, so that two
 * that say different things are refused, both named; where one alone is there, it counts. Not here:
 * settings of one field (`config.ts`).
 */

import * as v from "valibot";
import { ConfigError } from "../util/errors.ts";

/** θ where no field gives one. */
const DEFAULT_THETA = 10000;

const ARCHITECTURES = {
  LlamaForCausalLM: "LlamaForCausalLM",
  // As the first converters of Llama's weights wrote it.
  LLaMAForCausalLM: "LlamaForCausalLM",
  MistralForCausalLM: "MistralForCausalLM",
} as const;
const MODEL_TYPES = { llama: "LlamaForCausalLM", mistral: "MistralForCausalLM" } as const;

type Architecture = typeof MODEL_TYPES[keyof typeof MODEL_TYPES];

/** Rotary positions as they are, or scaled by a factor that `ropeTheta` holds to 1. */
const ropeType = v.nullish(v.picklist(["default", "linear"]));
const positive = v.pipe(v.number(), v.gtValue(0), v.finite());
const perLayerType = v.nullish(v.never("one set of positions for all layers"));
const ropeSchema = v.nullish(v.looseObject({
  rope_type: ropeType,
  type: ropeType,
  rope_theta: v.nullish(positive),
  factor: v.nullish(v.number()),
  partial_rotary_factor: v.nullish(v.literal(1)),
  full_attention: perLayerType,
  sliding_attention: perLayerType,
}));

/** The fields that this file is about; all may be absent or null. */
export const agreeingFields = {
  architectures: v.nullish(v.array(v.picklist(Object.keys(ARCHITECTURES)))),
  model_type: v.nullish(v.string()),
  rope_theta: v.nullish(positive),
  rope_parameters: ropeSchema,
  rope_scaling: ropeSchema,
  partial_rotary_factor: v.nullish(v.literal(1)),
  sliding_window: v.nullish(v.number()),
  use_sliding_window: v.nullish(v.boolean()),
  layer_types: v.nullish(v.array(v.picklist(["full_attention", "sliding_attention"]))),
};

type Fields = v.InferOutput<v.ObjectSchema<typeof agreeingFields, undefined>>;

/**
 * The architecture by `architectures`, by `model_type` where there are none.
 *
 * @throws {ConfigError} if neither names one that is supported, or they name different ones.
 */
export function architectureOf(fields: Fields, file: string): Architecture {
  const { architectures, model_type: type } = fields;
  const named = (architectures ?? []).map((each) =>
    ARCHITECTURES[each as keyof typeof ARCHITECTURES]
  );
  const typed = Object.hasOwn(MODEL_TYPES, type ?? "")
    ? MODEL_TYPES[type as keyof typeof MODEL_TYPES]
    : undefined;
  const architecture = named[0] ?? typed;
  if (architecture === undefined) {
    throw new ConfigError({
      problem: "is missing or not supported",
      file,
      option: type ? "model_type" : "architectures",
      value: type || "nothing",
      expected: "LlamaForCausalLM or MistralForCausalLM, or a model_type of llama or mistral",
    });
  }
  const another = named.find((each) => each !== architecture);
  if (another) throw contradiction(file, "architectures", another, `only ${architecture}`);
  if (type && typed !== architecture) {
    const expected = `the model_type of ${architecture}, which architectures names`;
    throw contradiction(file, "model_type", type, expected);
  }
  return architecture;
}

/**
 * θ of the rotary positions.
 *
 * transformers 5 takes it from `rope_scaling`, and only where that is empty from `rope_parameters`;
 * where the one that it looks into has none, from `rope_theta`. 4 takes it from `rope_theta` alone.
 *
 * @throws {ConfigError} if two fields give different ones, if `rope_parameters` gives one that is not
 * looked at, or positions are scaled by another factor than 1.
 */
export function ropeTheta(fields: Fields, file: string): number {
  const groups = ["rope_parameters", "rope_scaling"] as const;
  for (const group of groups) checkUnscaled(fields[group], group, file);
  const given = [
    ["rope_theta", fields.rope_theta],
    ...groups.map((group) => [`${group}.rope_theta`, fields[group]?.rope_theta] as const),
  ].filter((each): each is [string, number] => each[1] !== undefined && each[1] !== null);
  const [[first, theta] = ["", DEFAULT_THETA]] = given;
  for (const [option, value] of given) {
    if (value !== theta) throw contradiction(file, option, value, `${theta}, as in ${first}`);
  }
  const isAlone = first === "rope_parameters.rope_theta" && given.length === 1;
  const hasScaling = Object.keys(fields.rope_scaling ?? {}).length > 0;
  if (isAlone && hasScaling && theta !== DEFAULT_THETA) {
    const expected = `${DEFAULT_THETA}, or no rope_scaling, beside which some do not look here`;
    throw contradiction(file, first, theta, expected);
  }
  return theta;
}

/** A linear factor divides every frequency; of positions without a type some readers ignore the factor. */
function checkUnscaled(rope: Fields["rope_scaling"], group: string, file: string): void {
  if (!rope) return;
  const types = [rope.rope_type, rope.type].filter((type) => type);
  const isLinear = types.includes("linear");
  const mayScale = isLinear || types.length === 0;
  const factor = rope.factor ?? (isLinear ? "nothing" : 1);
  if (!mayScale || factor === 1) return;
  throw new ConfigError({
    problem: "scales rotary positions, which is not supported",
    file,
    option: `${group}.factor`,
    value: factor,
    expected: "1, or positions of type default",
  });
}

/**
 * Keys that a query of a Mistral sees, itself included; `null` for all before it. `MistralConfig` takes
 * 4096 where `sliding_window` is absent and no window where it is null. Llama has none.
 *
 * @throws {ConfigError} if a window is no number of keys, or `use_sliding_window` or `layer_types` says
 * otherwise.
 */
export function slidingWindow(
  fields: Fields,
  architecture: Architecture,
  file: string,
): number | null {
  const { sliding_window: field, use_sliding_window: isUsed, layer_types: types } = fields;
  const isMistral = architecture === "MistralForCausalLM";
  const window = !isMistral ? null : field === undefined ? 4096 : field;
  if (window !== null && !(Number.isInteger(window) && window >= 1 && window < 2 ** 31)) {
    throw new ConfigError({
      problem: "is not supported",
      file,
      option: "sliding_window",
      value: window,
      expected: "a number of keys from 1 to 2³¹ − 1, or null for all",
    });
  }
  const cause = isMistral ? `as sliding_window is ${window}` : "as in any Llama";
  if (isUsed !== undefined && isUsed !== null && isUsed !== (window !== null)) {
    throw contradiction(file, "use_sliding_window", isUsed, `${window !== null}, ${cause}`);
  }
  const expected = window === null ? "full_attention" : "sliding_attention";
  const another = types?.find((type) => type !== expected);
  if (another) throw contradiction(file, "layer_types", another, `only ${expected}, ${cause}`);
  return window;
}

function contradiction(
  file: string,
  option: string,
  value: unknown,
  expected: string,
): ConfigError {
  const problem = "contradicts another field, and readers differ in which counts";
  return new ConfigError({ problem, file, option, value, expected });
}
