/** Which measurements a protocol asks for, in the order in which they are made. */

import {
  type CompressedModel,
  compressedModel,
  type ScoredModel,
} from "../../experiments/scored_model.ts";
import { findMethod, methods, readsText } from "../../methods/mod.ts";
import type { Method } from "../../methods/method.ts";
import type { Domain } from "../../texts/domains.ts";
import type { SettingValue } from "../../util/settings.ts";
import { figurePair, type PairSpec, type Protocol } from "./protocol.ts";

/** One thing that the study measures. */
export type StudyTask =
  | { readonly kind: "compression"; readonly pair: string; readonly model: CompressedModel }
  | {
    readonly kind: "evaluation";
    readonly pair: string;
    readonly model: ScoredModel;
    readonly domain: Domain;
  }
  | {
    /** A timing of Table 2; the first of each seed is that of the compression itself. */
    readonly kind: "timing";
    readonly pair: string;
    readonly model: CompressedModel;
    readonly repeat: number;
  }
  | {
    readonly kind: "wall clock";
    readonly pair: string;
    readonly model: CompressedModel;
    /** Batch size in Figure 1; a method without batches does not use it. */
    readonly batchSize: number;
    readonly repeat: number;
  };

/**
 * A part of a study that stands alone: Figure 1 (`wall clock`), Tables 1 and 2 (`tables`), or the
 * figure of one domain, of Figures 2–5.
 */
export type StudyPart = "wall clock" | "tables" | Domain;

/**
 * The methods that the study itself is about, by their part in it. A method that is added to the list changes no
 * study: one that is to be measured beside these is named by the protocol.
 */
export const studyMethods = {
  start: "initial",
  standard: "distilled",
  proposed: "activation-aware",
} as const;

/** The setting that is the x of Figures 2–5. */
const CALIBRATION_SIZE = "rows";

/** The variant of Figure 1. */
const AS_PUBLISHED = "study-faithful";

/** Token rows of a model's calibration; `null` for a method that has no such sweep. */
export function calibrationSize({ method, settings }: CompressedModel): number | null {
  return isSwept(findMethod(method)) ? Number(settings[CALIBRATION_SIZE]) : null;
}

/** Whether a model, or its result, is of the calibration size of the tables; one without a size is of any. */
export function isOfTableSize(
  { calibrationSize }: { readonly calibrationSize: number | null },
  { tableCalibrationSize }: Protocol,
): boolean {
  return calibrationSize === null || calibrationSize === tableCalibrationSize;
}

/**
 * The tasks of a protocol, all of them or those of one part; a compression comes before the
 * evaluations that need its delta.
 *
 * @throws {OptionError} if the protocol names a method that there is not.
 */
export function planTasks(protocol: Protocol, part?: StudyPart): StudyTask[] {
  switch (part) {
    case undefined:
      return [
        ...wallClockTasks(protocol),
        ...protocol.pairs.flatMap((pair) => pairTasks(protocol, pair, domainsOf(protocol, pair))),
      ];
    case "wall clock":
      return wallClockTasks(protocol);
    case "tables": {
      const oneSize = { ...protocol, calibrationSizes: [protocol.tableCalibrationSize] };
      return protocol.pairs.flatMap((pair) => pairTasks(oneSize, pair, [protocol.tableDomain]));
    }
    default:
      return pairTasks(protocol, figurePair(protocol), [part])
        .filter(({ kind }) => kind !== "timing");
  }
}

/** Domains that a pair is scored on. */
function domainsOf(protocol: Protocol, pair: PairSpec): readonly Domain[] {
  return pair.name === figurePair(protocol).name ? protocol.domains : [protocol.tableDomain];
}

/** The methods of a protocol, in the order of the list. */
export function methodsOf(protocol: Protocol): Method[] {
  const named = [...Object.values(studyMethods), ...protocol.methods].map(findMethod);
  return methods.filter((method) => named.includes(method));
}

/**
 * The forms in which a protocol runs a method: of its variants those of the protocol, if it has any of them.
 */
function variantsOf(protocol: Protocol, { variants }: Method): (string | undefined)[] {
  const own = Object.keys(variants);
  if (own.length === 0) return [undefined];
  const shared = protocol.variants.filter((variant) => own.includes(variant));
  return shared.length > 0 ? shared : own;
}

function isSwept({ sweep }: Method): boolean {
  return sweep === CALIBRATION_SIZE;
}

/** A model of a method, with those of the protocol's settings that the method has. */
function modelOf(
  { name, settings }: Method,
  variant: string | undefined,
  seed: number,
  given: Readonly<Record<string, SettingValue>>,
): CompressedModel {
  const own = Object.entries(given).filter(([setting]) => Object.hasOwn(settings, setting));
  return compressedModel({ method: name, variant, settings: Object.fromEntries(own) }, seed);
}

/** Models that differ by variant, then by method, then by size. */
function modelsOf(
  protocol: Protocol,
  methods: readonly Method[],
  sizes: readonly number[],
  seed: number,
): CompressedModel[] {
  const forms = methods.flatMap((method) =>
    variantsOf(protocol, method).map((variant) => ({ method, variant }))
  );
  const order = (variant: string | undefined) => protocol.variants.indexOf(variant ?? "");
  return forms.toSorted((a, b) => order(a.variant) - order(b.variant))
    .flatMap(({ method, variant }) => {
      const perSize = isSwept(method) ? sizes : [protocol.tableCalibrationSize];
      return perSize.map((size) =>
        modelOf(method, variant, seed, { ...protocol.distillation, [CALIBRATION_SIZE]: size })
      );
    });
}

function sizesOf(protocol: Protocol, pair: PairSpec): readonly number[] {
  return pair.name === figurePair(protocol).name
    ? [...new Set([...protocol.calibrationSizes, protocol.tableCalibrationSize])]
    : [protocol.tableCalibrationSize];
}

function pairTasks(protocol: Protocol, pair: PairSpec, domains: readonly Domain[]): StudyTask[] {
  const isFigures = pair.name === figurePair(protocol).name;
  const seeds = isFigures ? protocol.seeds : protocol.tableSeeds;
  const all = methodsOf(protocol);
  const calibrated = all.filter(({ name }) => readsText({ method: name }));
  const others = all.filter(({ name }) => !readsText({ method: name }));
  const sizes = sizesOf(protocol, pair);
  const scores = (model: ScoredModel) =>
    domains.map((domain) => ({ kind: "evaluation", pair: pair.name, model, domain } as const));
  const isTimed = (model: CompressedModel) => {
    const size = calibrationSize(model);
    return model.seed !== null && (size === null || size === protocol.tableCalibrationSize);
  };
  const tasks = (model: CompressedModel): StudyTask[] => [
    { kind: "compression", pair: pair.name, model },
    ...isTimed(model) ? [{ kind: "timing", pair: pair.name, model, repeat: 0 } as const] : [],
    ...scores(model),
  ];
  return [
    ...scores("base"),
    ...scores("fine"),
    ...modelsOf(protocol, others, sizes, 0).flatMap(tasks),
    // Seed by seed: the methods are timed in turns.
    ...seeds.flatMap((seed) => modelsOf(protocol, calibrated, sizes, seed).flatMap(tasks)),
    ...repeatTasks(protocol, pair, calibrated, seeds),
  ];
}

/** The tables' compressions of a pair once more, for their times, until there are enough of them. */
function repeatTasks(
  protocol: Protocol,
  pair: PairSpec,
  methods: readonly Method[],
  seeds: readonly number[],
): StudyTask[] {
  const { tableTimings, tableCalibrationSize } = protocol;
  if (seeds.length === 0) return [];
  const count = Math.max(0, tableTimings - seeds.length);
  const models = modelsOf(protocol, methods, [tableCalibrationSize], seeds[0]);
  return Array.from({ length: count }, (_, index) => index + 1).flatMap((repeat) =>
    models.map((model): StudyTask => ({ kind: "timing", pair: pair.name, model, repeat }))
  );
}

/**
 * Figure 1: every method that sees text, as the study ran it where it did, at every batch size and in turns;
 * what trains comes first, as in the study's figure.
 */
function wallClockTasks(protocol: Protocol): StudyTask[] {
  const { wallClock, tableCalibrationSize, seeds } = protocol;
  const pair = figurePair(protocol).name;
  const timed = methodsOf(protocol).filter(({ name }) => readsText({ method: name }))
    .toSorted((a, b) => Number(b.kind === "trained") - Number(a.kind === "trained"));
  return Array.from({ length: wallClock.repeats }, (_, repeat) => repeat).flatMap((repeat) =>
    wallClock.batchSizes.flatMap((batchSize) =>
      timed.map((method): StudyTask => {
        const settings = { [CALIBRATION_SIZE]: tableCalibrationSize, steps: wallClock.steps };
        const variant = Object.keys(method.variants).find((each) => each === AS_PUBLISHED);
        const model = modelOf(method, variant, seeds[0], { ...settings, batch: batchSize });
        return { kind: "wall clock", pair, model, batchSize, repeat };
      })
    )
  );
}
