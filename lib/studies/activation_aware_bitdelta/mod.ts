/** The study reproduced, as users call it: protocols, results, figures, tables, sentences. */

export { calibrationSizeCaption, wallClockCaption } from "./captions.ts";
export * from "./claims.ts";
export * from "./digest.ts";
export * from "./evidence.ts";
export * from "./figures/calibration_size.ts";
export * from "./figures/wall_clock.ts";
export * from "./findings.ts";
export { type NamedPairs, readPairsFile } from "./pairs_file.ts";
export { studyMethods, type StudyPart, type StudyTask } from "./plan.ts";
export * from "./profile.ts";
export * from "./protocol.ts";
export { packageVersions } from "./provenance.ts";
export {
  type PublishedCurve,
  type PublishedNumbers,
  type PublishedPair,
  readPublishedNumbers,
} from "./published.ts";
export { type ReportOptions, writeStudyReport } from "./report.ts";
export * from "./results.ts";
export * from "./run.ts";
export {
  type CalibrationSizeRow,
  calibrationSizeRows,
  publishedCalibrationSizeRows,
  publishedWallClockRows,
  type WallClockRow,
  wallClockRows,
} from "./rows.ts";
export * from "./tables/fidelity.ts";
export { perplexityTable, wallClockTable } from "./tables/study_tables.ts";
export type { Verdict } from "./verdict.ts";
