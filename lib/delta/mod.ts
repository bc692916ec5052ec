/** What users call of deltas: reading, writing, applying them. */

export {
  type AppliedModel,
  applyDelta,
  applyToCheckpoint,
  checkMadeFor,
  checkMadeFrom,
} from "./apply.ts";
export {
  type Delta,
  type DeltaMetadata,
  loadDelta,
  type MemoryDelta,
  memoryDelta,
  readTrainable,
} from "./delta.ts";
export { type DeltaFile, openDelta, readDelta } from "./delta_file.ts";
export { FORMAT } from "./delta_header.ts";
export { type DeltaFileBytes, type DeltaFileSize, deltaFileSize } from "./delta_file_size.ts";
export { bitsPerWeight, deltaBytes, linearCount } from "./delta_size.ts";
export { type DeltaPlan, DeltaWriter, type PairHashes, writeDelta } from "./delta_writer.ts";
export { readDeltaMatrix } from "./difference.ts";
export type { ExtractedSigns } from "./extract_layer.ts";
export * from "./inspection/mod.ts";
export * from "./lora/mod.ts";
export * from "./card/mod.ts";
export { writeStudyDiff } from "./study_diff.ts";
export * from "./publishing/mod.ts";
