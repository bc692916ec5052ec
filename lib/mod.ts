/**
 * One-bit compression of fine-tuning deltas: the public face of this library, by what a user does.
 *
 * ## Open and compress a pair
 *
 * One bit a weight of what a fine-tune changed, by any method of {@linkcode methods}.
 *
 * ```ts
 * import { bitsPerWeight, embeddedTexts, Pair, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const method = { method: "activation-aware", settings: { rows: 64 } };
 * const { delta } = await pair.compress(method, await embeddedTexts.calibration(1));
 * assert.ok(bitsPerWeight(delta) < 1.01);
 * ```
 *
 * ## Read and apply a delta
 *
 * A file is read layer by layer, and refused where one bit of it has changed.
 *
 * ```ts
 * import { openDelta, Pair, projectPath, writeDelta } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await writeDelta(path, await pair.extract());
 * using delta = await openDelta(path);
 * const model = await pair.apply(delta);
 * assert.deepEqual(
 *   await model.readFloat32("model.norm.weight"),
 *   await pair.fine.readFloat32("model.norm.weight"),
 * );
 * await Deno.remove(path);
 * ```
 *
 * ## Score
 *
 * Perplexity, and how far a model is from the fine-tune that it stands for.
 *
 * ```ts
 * import { evaluationDocuments, firstTokens, Pair, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const health = await pair.text("health", await evaluationDocuments("health"));
 * const text = firstTokens(health, 512);
 * const { perplexity, kl } = await pair.evaluate(pair.base, text, await pair.reference(text));
 * assert.ok(perplexity > 1 && kl! > 0);
 * ```
 *
 * ## Go on with texts
 *
 * A base, its fine-tune and deltas from the same prompt; those of one base run together.
 *
 * ```ts
 * import { Pair, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const models = { base: "base", delta: await pair.extract() } as const;
 * const texts = await pair.generate("The patient", { models, temperature: 0, mostTokens: 6 });
 * assert.deepEqual(texts.map(({ tokens }) => tokens.length), [6, 6]);
 * ```
 *
 * ## Look inside a delta
 *
 * What one bit a weight is to stand for.
 *
 * ```ts
 * import { Checkpoint, matrixStatistics, projectPath, readDeltaMatrix } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-assistant"));
 * const delta = await readDeltaMatrix(base, fine, "model.layers.0.mlp.up_proj");
 * // Signs keep 2/π of the energy of normal entries.
 * const { energyKept } = matrixStatistics(delta);
 * assert.ok(Math.abs(energyKept - 2 / Math.PI) < 0.05);
 * ```
 *
 * ## Run a study
 *
 * What is measured once is kept, and judged against what was published.
 *
 * ```ts
 * import {
 *   chooseProtocol,
 *   embeddedTexts,
 *   MeasurementStore,
 *   onnxEngine,
 *   runStudy,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const protocol = chooseProtocol({ profile: "quick" });
 * const store = new MeasurementStore("no/such/folder");
 * const study = { protocol, store, engine: onnxEngine(), texts: embeddedTexts };
 * // Without `measureMissing: false` it is measured now, in minutes.
 * await assert.rejects(runStudy({ ...study, measureMissing: false }), /lacks a measurement/);
 * ```
 *
 * ## Draw figures and tables
 *
 * As vector graphics for a paper, without a browser.
 *
 * ```ts
 * import { exportFigure, seriesFigure } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const rows = [8, 4, 2].map((y, index) => ({ series: "loss", x: index + 1, y }));
 * const figure = seriesFigure(rows, { xTitle: "Step", yTitle: "Loss, lower is better" });
 * const folder = await Deno.makeTempDir();
 * const paths = await exportFigure(figure, `${folder}/loss`, { formats: ["svg"] });
 * assert.match(await Deno.readTextFile(paths[0]), /^<svg/);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * ## In a notebook
 *
 * Below its cell, or as text wherever else the code runs.
 *
 * ```ts
 * import { showTable, textScreen, valuesTable } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const lines: string[] = [];
 * await showTable(valuesTable("Sizes", { "Layers": 4 }), textScreen((text) => lines.push(text)));
 * assert.match(lines[0], /Layers +4/);
 * ```
 *
 * ## Methods and codecs of your own
 *
 * One that is added to its list is one like the others, everywhere.
 *
 * ```ts
 * import { type ClosedForm, methods, Pair, projectPath, signsTerm } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const half: ClosedForm<Record<never, never>> = {
 *   ...{ kind: "closed form", name: "half", summary: "half of mean |Δ|", module: import.meta.url },
 *   ...{ settings: {}, variants: {}, sweep: null, sees: () => "weights" },
 *   look: { hue: "blue", marker: "x" },
 *   rows: () => null,
 *   form: () => ({ role: "delta", terms: [{ codec: "signs", form: { scale: "scalar" } }] }),
 *   compress({ shape, signs: { mask, meanMagnitude } }) {
 *     const terms = [signsTerm(mask, shape, { coeff: meanMagnitude / 2 })];
 *     return Promise.resolve({ shape, role: "delta", terms });
 *   },
 * };
 * methods.push(half);
 * await using pair = await Pair.open(
 *   projectPath("data/checkpoints/llama-base"),
 *   projectPath("data/checkpoints/llama-assistant"),
 * );
 * const { delta } = await pair.compress({ method: "half" });
 * assert.equal(delta.metadata.method, "half");
 * methods.pop();
 * ```
 *
 * ## Engines and graphs
 *
 * One description, which the CPU and the GPU compute.
 *
 * ```ts
 * import { input, openEngine, ops } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = await openEngine({ device: "cpu" });
 * const [a, b] = [input("a", [2]), input("b", [2])];
 * const program = await engine.compile({ sum: ops.add(a, b) });
 * const { sum } = await program.run({ a: Float32Array.of(1, 2), b: Float32Array.of(3, 4) });
 * assert.deepEqual(sum, Float32Array.of(4, 6));
 * await program.release();
 * ```
 *
 * @module
 */

// Open and compress a pair.
export * from "./checkpoint/mod.ts";
export * from "./texts/mod.ts";
export { planDelta, type StatedTensors } from "./methods/closed_form.ts";
export * from "./methods/compress.ts";
export type { Resumption } from "./methods/kept_run.ts";

// Read and apply a delta.
export * from "./delta/mod.ts";

// Score.
export * from "./evaluation/mod.ts";

// Look inside a delta.
export * from "./analysis/mod.ts";
export type { DoubleBinaryFactors } from "./codecs/add_double_binary.ts";
export { doubleBinaryTerm } from "./codecs/double_binary.ts";
export type { IntegerForm } from "./codecs/integers.ts";
export { roundToIntegers } from "./codecs/round_integers.ts";
export { packSigns, type Scales, type ScaleType, signsTerm, unpackSigns } from "./codecs/signs.ts";
export type { Factors } from "./codecs/add_product.ts";
export { lowRankTerm } from "./codecs/low_rank.ts";
export { type TernaryScale, ternaryTerm } from "./codecs/ternary.ts";
export * from "./studies/anatomy_of_a_delta/mod.ts";

// Run a study.
export * from "./experiments/mod.ts";
export * from "./studies/activation_aware_bitdelta/mod.ts";
export * from "./studies/beyond_the_study/mod.ts";
export * from "./studies/comparison/mod.ts";
export * from "./studies/mod.ts";
export * from "./studies/serving/mod.ts";

// Draw figures and tables.
export * from "./figures/mod.ts";
export * from "./tables/mod.ts";

// In a notebook.
export * from "./display/mod.ts";
export * from "./notebooks/mod.ts";

// Methods and codecs of your own.
export type { Codec, CompressedLayer, Form, LayerForm, Parts, Term } from "./codecs/codec.ts";
export { codecs, findCodec } from "./codecs/mod.ts";
export { readSensitivity, sensitivityFile } from "./methods/allocation/kept_harm.ts";
export type { LayerHarm } from "./methods/allocation/measure.ts";
export { GroupWork } from "./methods/group_work.ts";
export type {
  Allocated,
  Budget,
  Chosen,
  ClosedForm,
  Described,
  Hue,
  LayerInput,
  Look,
  Marker,
  Method,
  MethodChoice,
  RowSettings,
  Sees,
  Trained,
  TrainedDelta,
  TrainingInput,
} from "./methods/method.ts";
export * from "./methods/mod.ts";
export * from "./model/mod.ts";
export * from "./training/mod.ts";
export * from "./util/settings.ts";

// Serve many fine-tunes of one base.
export * from "./server/mod.ts";

// Engines and graphs.
export * from "./engines/mod.ts";
export * from "./graph/mod.ts";

// How the embedded pairs were made, and pairs of other shapes.
export { type Card as EmbeddedCard, type CardPerplexities } from "./studies/embedded_pairs/card.ts";
export * from "./studies/embedded_pairs/make.ts";
export * from "./studies/embedded_pairs/shapes/mod.ts";
export { TRAINING_MARK } from "./studies/embedded_pairs/train.ts";

// In a program of your own: errors, progress, places.
export * from "./util/mod.ts";
