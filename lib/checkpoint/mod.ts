/** What users call of checkpoints: opening, reading and writing them, and their tokenizers. */

export type { CarriedFrom } from "./carried_files.ts";
export { type ChatMessage, ChatTemplate, type TemplateTokens } from "./chat_template.ts";
export * from "./checkpoint.ts";
export type { DecoderConfig } from "./config.ts";
export type { ConfigChanges } from "./config_changes.ts";
export { type EndTokens, endTokens, endTokensOf, type ModelFolder } from "./end_tokens.ts";
export { longestSequence, type RotaryFrequencies } from "./rotary_frequencies.ts";
export type { Architecture } from "./settings/architecture.ts";
export type { RopeScaling } from "./settings/rope_scaling.ts";
export type { FileRange, FileStamp, TensorSource } from "./file_range.ts";
export type { FloatKernels } from "./float_kernels.ts";
export type { IntegerKernels } from "./integer_kernel_texts.ts";
export type { SparseKernels } from "./sparse_kernels.ts";
export type { FormedTensor } from "./formed_tensor.ts";
export {
  type HubFile,
  type HubKind,
  type HubName,
  type HubRevision,
  type HubSettings,
  isHubName,
  openRevision,
  parseHubName,
  useHub,
} from "./hub/mod.ts";
export {
  type LocalFile,
  type PlannedFile,
  planPublication,
  type Publication,
} from "./hub/publish/publication.ts";
export { publish, type Published, type PublishOptions } from "./hub/publish/publish.ts";
export { type KeptShare, keptShare } from "./kept_share.ts";
export type { Kept, Unfit } from "./rounded_blocks.ts";
export type { RoundedTensor, Rounding } from "./rounded_tensor.ts";
export { type NamedTensorInfo, SafetensorsFile } from "./safetensors.ts";
export type { TensorPlace, UnreadablePlace } from "./safetensors_header.ts";
export { pairNotes } from "./pair_notes.ts";
export { promptTokens } from "./prompt_tokens.ts";
export * from "./save.ts";
export { type Shard, SHARD_BYTES } from "./shard_plan.ts";
export type { Scan, ScanOrder } from "./scan_job.ts";
export {
  byteCount,
  ELEMENT_SIZES,
  float32Tensor,
  type FloatType,
  int32Tensor,
  type RawTensor,
  type TensorInfo,
  type TensorType,
  toFloat32,
  toInt32,
} from "./tensor.ts";
export { type ListedTensor, TensorFile, type UnreadableInfo } from "./tensor_file.ts";
export type { WholeKind } from "./tensor_kind.ts";
export type { TokenDecoder } from "./token_decoder.ts";
export { type EncodedText, TextTokenizer } from "./tokenizer.ts";
export { lentFiles, lentNote, type TokenizerPlace } from "./tokenizer_place.ts";
export { TorchFile, type TorchPlace } from "./torch/torch_file.ts";
export type { ZipEntry } from "./torch/zip_directory.ts";
export { madeByThisLibrary, type TorchTensorInfo, writeTorch } from "./torch/write_torch.ts";
export {
  linearLayerNames,
  type LinearShape,
  linearShape,
  type StoredWeights,
  weightBytes,
  type WeightSource,
} from "./weights.ts";
export * from "./inspection/inspect_checkpoint.ts";
export type { AnyTensorInfo, TensorCount } from "./inspection/tensor_counts.ts";
