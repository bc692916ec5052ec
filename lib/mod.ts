/**
 * One-bit compression of fine-tuning deltas: the public face of this library.
 *
 * Open a {@linkcode Pair}, find the scales of its one-bit delta, save, load, apply and evaluate it; run
 * the study and draw its figures.
 *
 * @module
 */

// Open and compress a pair.
export * from "./checkpoint/mod.ts";
export * from "./texts/mod.ts";
export * from "./methods/compress.ts";

// Read and apply a delta.
export * from "./delta/mod.ts";

// Score.
export * from "./evaluation/mod.ts";

// Look inside a delta.
export * from "./analysis/mod.ts";
export { packSigns, type Scales, signsTerm, unpackSigns } from "./codecs/signs.ts";
export * from "./studies/anatomy_of_a_delta/mod.ts";

// Run a study.
export * from "./experiments/mod.ts";
export * from "./studies/activation_aware_bitdelta/mod.ts";
export * from "./studies/comparison/mod.ts";
export * from "./studies/mod.ts";

// Draw figures and tables.
export * from "./figures/mod.ts";
export * from "./tables/mod.ts";

// In a notebook.
export * from "./display/mod.ts";
export * from "./notebooks/mod.ts";

// Methods and codecs of your own.
export type { Codec, CompressedLayer, Form, LayerForm, Parts, Term } from "./codecs/codec.ts";
export { codecs, findCodec } from "./codecs/mod.ts";
export type {
  ClosedForm,
  Described,
  Hue,
  LayerInput,
  Look,
  Marker,
  Method as CompressionMethod,
  RowSettings,
  Trained,
  TrainedDelta,
  TrainingInput,
} from "./methods/method.ts";
export * from "./methods/mod.ts";
export * from "./training/mod.ts";
export * from "./util/settings.ts";

// Engines and graphs.
export * from "./engines/mod.ts";
export * from "./graph/mod.ts";

// How the embedded pairs were made.
export { type Card as EmbeddedCard, type CardPerplexities } from "./embedded/card.ts";
export * from "./embedded/make.ts";
export { TRAINING_MARK } from "./embedded/train.ts";

// In a program of your own: errors, progress, places.
export * from "./util/mod.ts";
