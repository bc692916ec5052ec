/** Which measurements a protocol asks for, pair by pair, in the order in which they are made. */

import {
  type CompressedModel,
  compressedModel,
  type ScoredModel,
} from "../../experiments/scored_model.ts";
import type { Domain } from "../../texts/domains.ts";
import { type BeyondModel, listedModels, ownSettings } from "./models.ts";
import type { Mix } from "./pair_texts.ts";
import { type BeyondPair, type BeyondProtocol, headlineDomains } from "./protocol.ts";

/** A pair as it is measured: whole, or with a share of its delta. */
export interface PlannedPair extends BeyondPair {
  /** Of the delta that makes its fine-tune: 1 for the pair itself. */
  readonly share: number;
}

/** One thing that the study measures. */
export type BeyondTask =
  & { readonly pair: PlannedPair }
  & (
    | { readonly kind: "compression"; readonly model: CompressedModel }
    | { readonly kind: "fidelity"; readonly model: CompressedModel }
    | { readonly kind: "evaluation"; readonly model: ScoredModel; readonly domain: Domain }
  );

/** The setting that has the tokens of calibration text. */
export const CALIBRATION_SIZE = "rows";

/** Settings that all models of a size share, in the place of their own, where they have them. */
export function sharedSettings({ settings }: BeyondProtocol, size: number) {
  return { ...settings, [CALIBRATION_SIZE]: size };
}

/** The tasks of a protocol; a compression comes before what needs its delta. */
export function planBeyond(protocol: BeyondProtocol): BeyondTask[] {
  return plannedPairs(protocol).flatMap((pair) => pairTasks(protocol, pair));
}

/** The pairs, and after each those with a share of its delta. */
export function plannedPairs({ pairs, crossover }: BeyondProtocol): PlannedPair[] {
  return pairs.flatMap((pair) => [
    { ...pair, share: 1 },
    ...(pair.name === crossover?.pair ? crossover.shares : []).filter((share) => share !== 1)
      .map((share) => ({ ...pair, name: scaledName(pair.name, share), share })),
  ]);
}

/** What a pair with a share of its delta is called. */
export function scaledName(pair: string, share: number): string {
  return share === 1 ? pair : `${pair} × ${share}`;
}

function pairTasks(protocol: BeyondProtocol, pair: PlannedPair): BeyondTask[] {
  const { domains } = protocol;
  const headline = headlineDomains(pair, protocol);
  const { listed } = listedModels(protocol.models);
  const tasks = (model: CompressedModel, scored: readonly Domain[]): BeyondTask[] => [
    { kind: "compression", pair, model },
    { kind: "fidelity", pair, model },
    ...scored.map((domain) => ({ kind: "evaluation", pair, model, domain } as const)),
  ];
  if (pair.share !== 1) {
    return listed.filter(({ isCrossed }) => isCrossed)
      .flatMap((model) => tasks(modelOf(protocol, model, protocol.seeds[0]), headline));
  }
  const own = (["base", "fine"] as const).flatMap((model) =>
    domains.map((domain) => ({ kind: "evaluation", pair, model, domain } as const))
  );
  const central = listed.flatMap((model) =>
    distinct(
      protocol.seeds.slice(0, model.seeds).map((seed) => modelOf(protocol, model, seed)),
    )
  );
  const around = listed.flatMap((model) => {
    const seeds = protocol.seeds.slice(0, model.around ?? 0);
    return distinct(seeds.flatMap((seed) => aroundOf(protocol, pair, model, seed)))
      .filter((each) => each.seed !== null);
  });
  const isNew = (model: CompressedModel) => !central.some((each) => isSame(each, model));
  return [
    ...own,
    ...central.flatMap((model) => tasks(model, domains)),
    ...around.filter(isNew).flatMap((model) => tasks(model, headline)),
  ];
}

/** A model of other sizes on general text, and of the one size on other texts. */
function aroundOf(
  protocol: BeyondProtocol,
  { texts }: BeyondPair,
  model: BeyondModel,
  seed: number,
): CompressedModel[] {
  const mixes = protocol.mixes.filter((mix) => mix === "general" || texts.own !== null);
  return [
    ...protocol.sizes.map((size) => modelOf(protocol, model, seed, { size })),
    ...mixes.map((mix) => modelOf(protocol, model, seed, { mix })),
  ];
}

/** A model of the protocol by a seed; where it sees no text, seeds and texts count for nothing. */
export function modelOf(
  protocol: BeyondProtocol,
  { method, variant, settings }: BeyondModel,
  seed: number,
  { size = protocol.size, mix = "general" }: { size?: number; mix?: Mix } = {},
): CompressedModel {
  const shared = ownSettings(method, sharedSettings(protocol, size));
  const model = compressedModel({ method, variant, settings: { ...settings, ...shared } }, seed);
  return model.seed === null || mix === "general" ? model : { ...model, text: mix };
}

function distinct(models: readonly CompressedModel[]): CompressedModel[] {
  return models.filter((model, index) => models.findIndex((each) => isSame(each, model)) === index);
}

function isSame(a: CompressedModel, b: CompressedModel): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
