/** What goes beyond the study, as users call it: protocol, run, results, figures, tables. */

export * from "./captions.ts";
export * from "./digest.ts";
export { crossoverFigure, type CrossoverRow, crossoverRows } from "./figures/crossover.ts";
export { type Paid, tradeOffFigure, type TradeOffRow, tradeOffRows } from "./figures/trade_offs.ts";
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
export { type BeyondRow, beyondRows } from "./rows.ts";
export * from "./run.ts";
export { beyondClaimTable } from "./tables/claim_table.ts";
export { winTable } from "./tables/win_table.ts";
