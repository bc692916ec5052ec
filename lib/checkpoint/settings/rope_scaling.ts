/**
 * How a `config.json` scales rotary positions beyond the lengths that a model was first made for: in
 * `rope_scaling` (transformers 4), or in `rope_parameters` (5), with a `rope_type` or `type`.
 *
 * Absent parameters take transformers' defaults; what would give no frequencies is refused. Not here: the
 * frequencies that follow (`rotary_frequencies.ts`).
 */

import * as v from "valibot";
import { ConfigError } from "../../util/errors.ts";
import { contradiction } from "./contradiction.ts";
import { yarnAttentionFactor } from "./yarn_attention.ts";

/** How frequencies are scaled, with all parameters. Positions are counted in tokens. */
export type RopeScaling =
  | {
    /** Each frequency divided by `factor`. */
    readonly type: "linear";
    readonly factor: number;
  }
  | {
    /** θ grows with the sequence, once it is longer than `originalPositions`. */
    readonly type: "dynamic";
    readonly factor: number;
    readonly originalPositions: number;
  }
  | {
    /** Low frequencies divided by `factor`, high ones left, those between blended. */
    readonly type: "llama3";
    readonly factor: number;
    readonly lowFrequencyFactor: number;
    readonly highFrequencyFactor: number;
    readonly originalPositions: number;
  }
  | {
    /** As llama3, blended by pair and not by wavelength; and what is rotated is lengthened. */
    readonly type: "yarn";
    readonly factor: number;
    readonly originalPositions: number;
    readonly attentionFactor: number;
    readonly betaFast: number;
    readonly betaSlow: number;
    readonly truncate: boolean;
  };

const TYPES = ["default", "linear", "dynamic", "llama3", "yarn"];

/** What is missing for other types. */
const MISSING: Readonly<Record<string, string>> = {
  longrope: "factors of each frequency, other ones for long sequences",
  su: "factors of each frequency, other ones for long sequences",
  proportional: "heads of which only some frequencies turn",
  mrope: "positions in three parts, of pictures",
};

const GROUPS = ["rope_scaling", "rope_parameters"] as const;

/** What a length or a factor is at most, so that no product of two is beyond float32. */
const MOST = 2 ** 31 - 1;

const positive = v.pipe(v.number(), v.gtValue(0), v.finite());
const factor = v.nullish(v.pipe(v.number(), v.gtValue(0), v.maxValue(MOST)));
const orZero = v.nullish(v.pipe(v.number(), v.minValue(0), v.maxValue(MOST)));
const length = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MOST));
const perLayerType = v.nullish(v.never("one set of positions for all layers"));
const groupSchema = v.nullish(v.looseObject({
  rope_type: v.nullish(v.string()),
  type: v.nullish(v.string()),
  rope_theta: v.nullish(positive),
  factor,
  low_freq_factor: factor,
  high_freq_factor: factor,
  original_max_position_embeddings: v.nullish(length),
  attention_factor: factor,
  mscale: orZero,
  mscale_all_dim: orZero,
  beta_fast: orZero,
  beta_slow: orZero,
  truncate: v.nullish(v.boolean()),
  partial_rotary_factor: v.nullish(v.literal(1)),
  full_attention: perLayerType,
  sliding_attention: perLayerType,
}));

/** The fields of rotary positions; all may be absent or null. */
export const ropeFields = {
  rope_theta: v.nullish(positive),
  rope_parameters: groupSchema,
  rope_scaling: groupSchema,
  original_max_position_embeddings: v.nullish(length),
  partial_rotary_factor: v.nullish(v.literal(1)),
};

/** What they hold. */
export type RopeFields = v.InferOutput<v.ObjectSchema<typeof ropeFields, undefined>>;
type Group = NonNullable<RopeFields["rope_scaling"]>;

/** One of the two fields, with what is told of its faults. */
interface Place {
  readonly rope: Group;
  readonly name: typeof GROUPS[number];
  readonly file: string;
}

/**
 * How positions are scaled; `undefined`: not at all, as by a linear factor of 1.
 *
 * transformers 5 takes `rope_scaling`, and only where that is empty `rope_parameters`; 4 knows the former
 * alone.
 *
 * @param maximumPositions `max_position_embeddings`, which some types scale from.
 * @throws {ConfigError} if a type is not supported, saying what is missing; if a parameter is missing or out
 * of range; if fields say different things.
 */
export function ropeScaling(
  fields: RopeFields,
  maximumPositions: number,
  file: string,
): RopeScaling | undefined {
  const said = GROUPS.map((name) => {
    const rope = fields[name] ?? {};
    const place = { rope, name, file };
    const type = typeOf(place);
    const outside = fields.original_max_position_embeddings ?? null;
    return { rope, type, scaling: scalingOf(type, place, maximumPositions, outside) };
  });
  const [scaling, parameters] = said;
  const isSaid = Object.keys(scaling.rope).length > 0;
  if (!isSaid) return parameters.scaling;
  const differ = JSON.stringify(scaling.scaling) !== JSON.stringify(parameters.scaling);
  const { type } = parameters;
  if (differ && type !== null) {
    const expected = `what rope_scaling says, ${scaling.type ?? "no type"}`;
    const option = `rope_parameters${scaling.type === type ? "" : ".rope_type"}`;
    throw contradiction(file, option, scaling.type === type ? parameters.rope : type, expected);
  }
  return scaling.scaling;
}

/** The type that one of the two fields says; `null`: none, and no factor that some readers would ignore. */
function typeOf({ rope, name, file }: Place): string | null {
  const { rope_type: newer, type: older } = rope;
  if (newer && older && newer !== older) {
    throw contradiction(file, `${name}.type`, older, `${newer}, as in ${name}.rope_type`);
  }
  const type = newer || older || null;
  if (type !== null && !TYPES.includes(type)) {
    const missing = Object.hasOwn(MISSING, type) ? MISSING[type] : null;
    throw new ConfigError({
      problem: missing
        ? `scales rotary positions as is not supported: there are no ${missing}`
        : "scales rotary positions in a way that is not supported",
      file,
      option: `${name}.${newer ? "rope_type" : "type"}`,
      value: type,
      expected: `${TYPES.slice(0, -1).join(", ")} or ${TYPES.at(-1)}`,
    });
  }
  const { factor } = rope;
  if (type !== null || factor === undefined || factor === null || factor === 1) return type;
  throw new ConfigError({
    problem: "scales rotary positions, and readers differ in whether they do so without a type",
    file,
    option: `${name}.factor`,
    value: factor,
    expected: `1, or a rope_type of ${TYPES.slice(1).join(", ")} beside it`,
  });
}

function scalingOf(
  type: string | null,
  place: Place,
  maximumPositions: number,
  outside: number | null,
): RopeScaling | undefined {
  const { rope, name, file } = place;
  if (type === null || type === "default") return undefined;
  const own = rope.original_max_position_embeddings ?? null;
  if (own !== null && outside !== null && own !== outside) {
    const option = `${name}.original_max_position_embeddings`;
    const expected = `${outside}, as in original_max_position_embeddings`;
    throw contradiction(file, option, own, expected);
  }
  const originalPositions = own ?? outside ?? maximumPositions;
  switch (type) {
    case "linear": {
      const factor = factorOf(place);
      return factor === 1 ? undefined : { type, factor };
    }
    case "dynamic": {
      // transformers scales from max_position_embeddings, others from the original ones.
      if (originalPositions === maximumPositions) {
        return { type, factor: factorOf(place), originalPositions };
      }
      const option = `${own === null ? "" : `${name}.`}original_max_position_embeddings`;
      const expected = `${maximumPositions}, as in max_position_embeddings`;
      throw contradiction(file, option, originalPositions, expected);
    }
    case "llama3": {
      const factor = factorOf(place);
      const low = required(place, "low_freq_factor");
      const high = required(place, "high_freq_factor");
      if (high <= low) throw outOfRange(place, "high_freq_factor", `more than ${low}, the low one`);
      const factors = { lowFrequencyFactor: low, highFrequencyFactor: high };
      return { type, factor, ...factors, originalPositions };
    }
    default:
      return yarn(place, originalPositions, maximumPositions);
  }
}

/**
 * YaRN's parameters. The factor is the one that is given, as in transformers 5, whatever
 * `max_position_embeddings` is (which versions of 4 took for the length after scaling); for null it is the
 * ratio of the two lengths.
 */
function yarn(place: Place, originalPositions: number, maximumPositions: number): RopeScaling {
  const { rope } = place;
  const ratio = maximumPositions / originalPositions;
  const factor = rope.factor === null && ratio >= 1 ? ratio : factorOf(place);
  // As in the reference, 0 is none.
  const betaFast = rope.beta_fast || 32;
  const betaSlow = rope.beta_slow || 1;
  if (betaFast < betaSlow) {
    throw outOfRange(place, "beta_fast", `at least ${betaSlow}, the slow one`);
  }
  const { mscale, mscale_all_dim: mscaleAll } = rope;
  return {
    type: "yarn",
    factor,
    originalPositions,
    attentionFactor: rope.attention_factor ?? yarnAttentionFactor(factor, mscale, mscaleAll),
    betaFast,
    betaSlow,
    truncate: rope.truncate === undefined ? true : rope.truncate ?? false,
  };
}

function factorOf(place: Place): number {
  const factor = required(place, "factor");
  if (factor < 1) throw outOfRange(place, "factor", "a number of at least 1");
  return factor;
}

function required(place: Place, parameter: "factor" | `${"low" | "high"}_freq_factor`): number {
  const value = place.rope[parameter] ?? null;
  if (value === null) throw outOfRange(place, parameter, "a number");
  return value;
}

function outOfRange({ rope, name, file }: Place, parameter: string, expected: string): ConfigError {
  return new ConfigError({
    problem: "does not scale rotary positions",
    file,
    option: `${name}.${parameter}`,
    value: rope[parameter] ?? "nothing",
    expected,
  });
}
