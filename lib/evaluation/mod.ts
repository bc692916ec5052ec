/** What users call to score: perplexity, KL, and intervals over documents. */

export {
  agreementOf,
  bootstrapInterval,
  type Comparison,
  difference,
  type Interval,
  klOf,
  pairedBootstrapInterval,
  perplexityOf,
  relative,
  type Statistic,
} from "./bootstrap.ts";
export * from "./evaluator.ts";
export { keepScores, type KeptScores } from "./kept_scores.ts";
export { type RollingScores, type RollingTokenizer, scoreRolling } from "./rolling.ts";
export {
  scoreDocuments,
  type ScoredText,
  scoreModels,
  type ScoringSettings,
  type ScoringWatch,
} from "./score_documents.ts";
export { pairedSeededInterval, seededInterval, type SeededRuns } from "./seed_bootstrap.ts";
export type { DocumentScores, ScoreSummary, WindowScores } from "./scores.ts";
export type { LayerForms } from "../model/linear.ts";
export type { ModelTensors } from "../model/model_tensors.ts";
export type { PlacedModel, PlacedWeights } from "../model/placed_model.ts";
export { PlacedModels } from "../model/placed_models.ts";
export { firstTokens, type TokenText } from "./token_text.ts";
export type { ScoredWindow, WindowProtocol } from "./windows.ts";
