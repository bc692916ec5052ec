/**
 * One-bit compression of fine-tuning deltas: the public face of this library.
 *
 * Open a {@linkcode Pair}, find the scales of its one-bit delta, save, load, apply and evaluate it; run
 * the study and draw its figures.
 *
 * @module
 */

export * from "./util/errors.ts";
export type { Progress, Watch } from "./util/progress.ts";
export { projectPath } from "./util/project.ts";

export { Checkpoint } from "./checkpoint/checkpoint.ts";
export type { DecoderConfig } from "./checkpoint/config.ts";
export type { CarriedFrom } from "./checkpoint/carried_files.ts";
export { saveCheckpoint, type SaveOptions } from "./checkpoint/save.ts";
export { type EncodedText, TextTokenizer } from "./checkpoint/tokenizer.ts";
export type { TokenizerPlace } from "./checkpoint/tokenizer_place.ts";
export {
  linearLayerNames,
  type LinearShape,
  linearShape,
  type StoredWeights,
  weightBytes,
  type WeightSource,
} from "./checkpoint/weights.ts";
export {
  ELEMENT_SIZES,
  type FloatType,
  type RawTensor,
  type TensorInfo,
  type TensorType,
} from "./checkpoint/tensor.ts";

export { type AppliedModel, applyDelta } from "./delta/apply.ts";
export { type Delta, deltaBytes, type DeltaMetadata, type MaskedLayer } from "./delta/delta.ts";
export { type DeltaFile, readDelta, readDeltaFile, writeDelta } from "./delta/delta_file.ts";
export { readDeltaMatrix } from "./delta/difference.ts";
export { extractDelta } from "./delta/extract.ts";
export { packSigns, unpackSigns } from "./codecs/signs.ts";

export type { Engine, EngineDetails, Fact, Feed, Placed, Program } from "./graph/engine.ts";
export type {
  Attributes as OperationAttributes,
  ElementType,
  Numbers,
  OnnxAttributes,
  OnnxBuilder,
  Rules,
  Shape,
  Value,
} from "./graph/graph.ts";
export { onnxEngine, type OnnxEngineOptions } from "./engines/onnx/engine.ts";
export { type DeviceChoice, type DeviceOptions, openEngine } from "./engines/device.ts";

export {
  type ActivationAwareMethod,
  calibrate,
  type Calibration,
  type CalibrationMethod,
  type DistilledMethod,
  type Variant,
} from "./methods/calibrate.ts";

export type { ActivationSettings } from "./methods/activations.ts";
export {
  describeMethod,
  findMethod,
  type MethodChoice,
  methods,
  type ResolvedMethod,
  resolveMethod,
} from "./methods/mod.ts";
export { type CalibrationSequences, calibrationSequences } from "./texts/sequences.ts";

export { type AnatomyOptions, deltaAnatomy, type LayerAnatomy } from "./analysis/anatomy.ts";
export { density, type DensityBin, type Histogram, histogram } from "./analysis/histogram.ts";
export { layerInputs } from "./analysis/layer_inputs.ts";
export { type MatrixStatistics, matrixStatistics } from "./analysis/matrix_statistics.ts";
export {
  bestScale,
  outputError,
  type OutputProducts,
  outputProducts,
  productsOf,
} from "./analysis/output_products.ts";
export { normalMatrix } from "./analysis/normal_matrix.ts";
export { innerProduct, linearOutputs } from "./analysis/plain_products.ts";
export {
  binaryEntropy,
  fairCoinEntropy,
  type SignEntropy,
  signEntropy,
} from "./analysis/sign_entropy.ts";
export { energyShares, singularValues } from "./analysis/singular_values.ts";

export { Evaluator, type Reference } from "./evaluation/evaluator.ts";
export { type RollingScores, type RollingTokenizer, scoreRolling } from "./evaluation/rolling.ts";
export {
  scoreDocuments,
  type ScoredText,
  scoreModels,
  type ScoringSettings,
} from "./evaluation/score_documents.ts";
export type { DocumentScores, ScoreSummary, WindowScores } from "./evaluation/scores.ts";
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
} from "./evaluation/bootstrap.ts";

export { firstTokens, type TokenText } from "./evaluation/token_text.ts";
export type { ScoredWindow, WindowProtocol } from "./evaluation/windows.ts";

export type { TextDocument } from "./texts/document.ts";
export { type Domain, domains, evaluationDocuments } from "./texts/domains.ts";
export { openTexts } from "./texts/folder_texts.ts";
export { namedCalibrationTexts, namedDocuments } from "./texts/named_text.ts";
export { embeddedTexts, type StudyTexts, type TextNames } from "./texts/study_texts.ts";
export { textFile } from "./texts/text_file.ts";

export { Pair, type PairOptions } from "./experiments/pair.ts";
export {
  type ComparedMethod,
  type ComparedText,
  compareMethods,
  type ComparisonOptions,
  type ComparisonRow,
} from "./studies/comparison/comparison.ts";

export { judgeClaims, type Judgement } from "./studies/activation_aware_bitdelta/claims.ts";
export {
  type Evidence,
  ourEvidence,
  publishedEvidence,
} from "./studies/activation_aware_bitdelta/evidence.ts";
export type {
  CalibrationResult,
  Circumstances,
  Measurement,
  Results,
  Task,
} from "./experiments/measurement.ts";
export { MeasurementStore } from "./experiments/measurement_store.ts";
export {
  embeddedProtocol,
  figurePair,
  notebookProtocol,
  type PairSpec,
  type Protocol,
  quickProtocol,
  realProtocol,
} from "./studies/activation_aware_bitdelta/protocol.ts";
export type { CalibratedMethod, Method, PlainMethod } from "./experiments/method.ts";
export {
  type PublishedCurve,
  type PublishedNumbers,
  type PublishedPair,
  readPublishedNumbers,
} from "./studies/activation_aware_bitdelta/published.ts";
export {
  type CostResult,
  gatherResults,
  type QualityResult,
  type StudyResults,
  type WallClockResult,
} from "./studies/activation_aware_bitdelta/results.ts";
export { runStudy, type StudyOptions, type StudyRun } from "./experiments/run.ts";
export type { Timing } from "./experiments/timing.ts";
export type { Verdict } from "./studies/activation_aware_bitdelta/verdict.ts";
export type { StudyPart } from "./studies/activation_aware_bitdelta/plan.ts";
export {
  chooseProtocol,
  profiles,
  type StudyChoice,
} from "./studies/activation_aware_bitdelta/profile.ts";

export {
  type AnatomyRecord,
  anatomyRecords,
  deltaDensityRows,
  layerProfileRows,
} from "./studies/anatomy_of_a_delta/rows.ts";
export {
  calibrationSizeCaption,
  wallClockCaption,
} from "./studies/activation_aware_bitdelta/captions.ts";
export {
  exportFigure,
  type ExportOptions,
  type FigureFormat,
} from "./figures/export/figure_files.ts";
export type { Attributes, Figure, Json } from "./figures/figure.ts";
export { calibrationSizeFigure } from "./studies/activation_aware_bitdelta/figures/calibration_size.ts";
export {
  deltaDistributionFigure,
  type DeltaDistributionOptions,
} from "./studies/anatomy_of_a_delta/delta_distribution.ts";
export {
  layerProfileFigure,
  type LayerProfileOptions,
} from "./studies/anatomy_of_a_delta/layer_profile.ts";
export { seriesFigure, type SeriesFigureOptions, type SeriesRow } from "./figures/own_series.ts";
export { wallClockFigure } from "./studies/activation_aware_bitdelta/figures/wall_clock.ts";
export { comparisonFigure } from "./studies/comparison/figure.ts";
export {
  type ComparisonSubject,
  comparisonTable,
  writeComparison,
} from "./studies/comparison/report.ts";
export {
  type LayerKind,
  layerKinds,
  type LayerPlace,
  layerPlace,
} from "./studies/anatomy_of_a_delta/layer_kind.ts";
export {
  publishedCalibrationSizeRows,
  publishedWallClockRows,
} from "./studies/activation_aware_bitdelta/figures/published_rows.ts";
export type {
  CalibrationSizeRow,
  DeltaDensityRow,
  LayerProfileRow,
  Method as MethodName,
  WallClockRow,
} from "./studies/activation_aware_bitdelta/rows.ts";
export type { Provenance } from "./figures/provenance.ts";
export {
  type ReportOptions,
  writeStudyReport,
} from "./studies/activation_aware_bitdelta/report.ts";
export {
  calibrationSizeRows,
  wallClockRows,
} from "./studies/activation_aware_bitdelta/study_rows.ts";
export { fidelityTable } from "./studies/activation_aware_bitdelta/tables/fidelity.ts";
export {
  perplexityTable,
  wallClockTable,
} from "./studies/activation_aware_bitdelta/tables/study_tables.ts";
export { escapeMarkdown } from "./tables/markdown.ts";
export { rollingTable, scoreTable } from "./tables/score_table.ts";
export type { Cell, Column, IntervalCell, Table } from "./tables/table.ts";
export type { FigureOptions, FigurePanels, FigureWidth, ThemeName } from "./figures/theme.ts";

export { figureView } from "./display/figure_view.ts";
export {
  calibrationSizeFindings,
  layerProfileFindings,
  lowerOnPairs,
  type MethodNumbers,
  pairFindings,
  wallClockFindings,
} from "./studies/activation_aware_bitdelta/findings.ts";
export {
  type RecordColumn,
  recordsTable,
  type RecordsTableOptions,
  type TableRecord,
  valuesTable,
} from "./display/records_table.ts";
export { Interruption } from "./display/interrupt.ts";
export { withProgress } from "./display/live_progress.ts";
export {
  DisplayError,
  notebookScreen,
  type OpenView,
  type Screen,
  terminalScreen,
  textScreen,
} from "./display/screen.ts";
export { show, showFigure, showTable, showText } from "./display/show.ts";
export { significant } from "./util/numbers.ts";
export { plainView, tableView, textView, type View } from "./display/view.ts";
