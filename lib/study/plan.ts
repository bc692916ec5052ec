/** Which measurements a protocol asks for, in the order in which they are made. */

import type { Domain } from "../domains/domains.ts";
import type { Task } from "./measurement.ts";
import type { CalibratedMethod, PlainMethod } from "./method.ts";
import { figurePair, type PairSpec, type Protocol } from "./protocol.ts";

const plainMethods: readonly PlainMethod[] = [
  { kind: "base" },
  { kind: "fine" },
  { kind: "initial" },
];

/**
 * A part of a study that stands alone: Figure 1 (`wall clock`), Tables 1 and 2 (`tables`), or the
 * figure of one domain, of Figures 2–5.
 */
export type StudyPart = "wall clock" | "tables" | Domain;

/**
 * The tasks of a protocol, all of them or those of one part; a calibration comes before the
 * evaluations that need its delta.
 */
export function planTasks(protocol: Protocol, part?: StudyPart): Task[] {
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
      return pairTasks(protocol, figurePair(protocol), [part]);
  }
}

/** The activation-aware methods of a pair: every size for the figures' pair, one for the others. */
export function activationAwareMethods(protocol: Protocol, pair: PairSpec): CalibratedMethod[] {
  const sizes = pair === figurePair(protocol)
    ? [...new Set([...protocol.calibrationSizes, protocol.tableCalibrationSize])]
    : [protocol.tableCalibrationSize];
  return protocol.variants.flatMap((variant) =>
    sizes.flatMap((rows) =>
      seedsOf(protocol, pair).map((seed) => ({
        kind: "activation-aware" as const,
        variant,
        rows,
        seed,
      }))
    )
  );
}

/** The distillations of a pair. */
export function distilledMethods(protocol: Protocol, pair: PairSpec): CalibratedMethod[] {
  return protocol.variants.flatMap((variant) =>
    seedsOf(protocol, pair).map((seed) => ({
      kind: "distilled" as const,
      variant,
      ...protocol.distillation,
      seed,
    }))
  );
}

function seedsOf(protocol: Protocol, pair: PairSpec): readonly number[] {
  return pair === figurePair(protocol) ? protocol.seeds : protocol.tableSeeds;
}

function domainsOf(protocol: Protocol, pair: PairSpec): readonly Domain[] {
  return pair === figurePair(protocol) ? protocol.domains : [protocol.tableDomain];
}

function pairTasks(protocol: Protocol, pair: PairSpec, domains: readonly Domain[]): Task[] {
  const evaluations = (method: PlainMethod | CalibratedMethod): Task[] =>
    domains.map((domain) => ({ kind: "evaluation", pair: pair.name, method, domain }));
  const calibrated = [
    ...activationAwareMethods(protocol, pair),
    ...distilledMethods(protocol, pair),
  ];
  return [
    ...plainMethods.flatMap(evaluations),
    ...calibrated.flatMap((method): Task[] => [
      { kind: "calibration", pair: pair.name, method },
      ...evaluations(method),
    ]),
  ];
}

/** Figure 1: both methods of the study as it ran them, at every batch size. */
function wallClockTasks(protocol: Protocol): Task[] {
  const { wallClock, tableCalibrationSize, seeds } = protocol;
  const shared = { variant: "study-faithful" as const, seed: seeds[0] };
  const pair = figurePair(protocol).name;
  return wallClock.batchSizes.flatMap((batchSize) =>
    Array.from({ length: wallClock.repeats }, (_, repeat) => repeat).flatMap((repeat): Task[] => [
      {
        kind: "wall clock",
        pair,
        method: { kind: "distilled", ...shared, steps: wallClock.steps, batch: batchSize },
        batchSize,
        repeat,
      },
      {
        kind: "wall clock",
        pair,
        method: { kind: "activation-aware", ...shared, rows: tableCalibrationSize },
        batchSize,
        repeat,
      },
    ])
  );
}
