/** What goes beyond the study, as users call it: protocol, run, results, figures, tables. */

export * from "./digest.ts";
export type { BeyondModel } from "./models.ts";
export { type Mix, type PairTexts } from "./pair_texts.ts";
export * from "./pairs_file.ts";
export type { BeyondTask, PlannedPair } from "./plan.ts";
export {
  type BeyondChoice,
  type BeyondPair,
  beyondPair,
  type BeyondProtocol,
  chooseBeyondProtocol,
} from "./protocol.ts";
export * from "./report.ts";
export {
  type BeyondModelResult,
  type BeyondStudyResults,
  gatherBeyond,
  type MadeDelta,
} from "./results.ts";
export * from "./run.ts";
