/** Low-rank fine-tunes as LoRA adapters. */

export { ADAPTER_CONFIG, ADAPTER_WEIGHTS, LORA_MARK } from "./adapter_folder.ts";
export type { LoraLayer, LoraSettings } from "./factor_layer.ts";
export { LORA_SETTINGS, type SavedLora, saveLora, type SaveLoraOptions } from "./save_lora.ts";
