/** What users call of deltas: reading, writing, applying them. */

export { type AppliedModel, applyDelta, applyToCheckpoint, checkMadeFrom } from "./apply.ts";
export { type Delta, deltaBytes, type DeltaMetadata, type MaskedLayer } from "./delta.ts";
export { type DeltaFile, FORMAT, readDelta, readDeltaFile, writeDelta } from "./delta_file.ts";
export { readDeltaMatrix } from "./difference.ts";
export { extractDelta } from "./extract.ts";
export type { ExtractedSigns } from "./extract_layer.ts";
