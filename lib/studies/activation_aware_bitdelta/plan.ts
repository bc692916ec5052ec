/** Which measurements a protocol asks for, in the order in which they are made. */

import type { Domain } from "../../texts/domains.ts";
import type { Task } from "../../experiments/measurement.ts";
import type { CalibratedMethod, PlainMethod } from "../../experiments/method.ts";
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
        ...protocol.pairs.flatMap((pair) => [
          ...pairTasks(protocol, pair, domainsOf(protocol, pair)),
          ...timingTasks(protocol, pair),
        ]),
      ];
    case "wall clock":
      return wallClockTasks(protocol);
    case "tables": {
      const oneSize = { ...protocol, calibrationSizes: [protocol.tableCalibrationSize] };
      return protocol.pairs.flatMap((pair) => [
        ...pairTasks(oneSize, pair, [protocol.tableDomain]),
        ...timingTasks(protocol, pair),
      ]);
    }
    default:
      return pairTasks(protocol, figurePair(protocol), [part]);
  }
}

/**
 * The calibrations of a pair from the text of one seed: activation-aware at every size for the figures'
 * pair and at the tables' for the others, and distillation.
 */
function calibratedMethods(
  protocol: Protocol,
  sizes: readonly number[],
  seed: number,
): CalibratedMethod[] {
  return protocol.variants.flatMap((variant): CalibratedMethod[] => [
    ...sizes.map((rows) => ({ kind: "activation-aware" as const, variant, rows, seed })),
    { kind: "distilled", variant, ...protocol.distillation, seed },
  ]);
}

function sizesOf(protocol: Protocol, pair: PairSpec): readonly number[] {
  return pair === figurePair(protocol)
    ? [...new Set([...protocol.calibrationSizes, protocol.tableCalibrationSize])]
    : [protocol.tableCalibrationSize];
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
  // Seed by seed: the methods are timed in turns.
  const calibrated = seedsOf(protocol, pair).flatMap((seed) =>
    calibratedMethods(protocol, sizesOf(protocol, pair), seed)
  );
  return [
    ...plainMethods.flatMap(evaluations),
    ...calibrated.flatMap((method): Task[] => [
      { kind: "calibration", pair: pair.name, method },
      ...evaluations(method),
    ]),
  ];
}

/** The tables' calibrations of a pair once more, for their times, until there are enough of them. */
function timingTasks(protocol: Protocol, pair: PairSpec): Task[] {
  const { tableTimings, tableCalibrationSize } = protocol;
  const seeds = seedsOf(protocol, pair);
  const repeats = Array.from(
    { length: Math.max(0, tableTimings - seeds.length) },
    (_, index) => index + 1,
  );
  const methods = calibratedMethods(protocol, [tableCalibrationSize], seeds[0]);
  return repeats.flatMap((repeat) =>
    methods.map((method): Task => ({ kind: "timing", pair: pair.name, method, repeat }))
  );
}

/** Figure 1: both methods of the study as it ran them, at every batch size and in turns. */
function wallClockTasks(protocol: Protocol): Task[] {
  const { wallClock, tableCalibrationSize, seeds } = protocol;
  const shared = { variant: "study-faithful" as const, seed: seeds[0] };
  const pair = figurePair(protocol).name;
  return Array.from({ length: wallClock.repeats }, (_, repeat) => repeat).flatMap((repeat) =>
    wallClock.batchSizes.flatMap((batchSize): Task[] => [
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
