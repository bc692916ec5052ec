/**
 * A distillation step layer by layer, for models that do not fit in memory: the forward pass keeps
 * only the layers' inputs, and the way back computes each layer again before its gradient (Chen et
 * al. 2016, "Training Deep Nets with Sublinear Memory Cost"). The numbers are `wholeModelStep`'s.
 */

import { storedTensor } from "../checkpoint/weights.ts";
import { layerKinds, type ModelInputs, modelInputs } from "../model/linear.ts";
import { type DecoderContext, decoderLayer, embedTokens, headLogits } from "../model/llama.ts";
import { DecoderPipeline, weightInputs } from "../model/pipeline.ts";
import { PlacedModel } from "../model/placed_model.ts";
import type { Engine, Feed, Placed, Program } from "../graph/engine.ts";
import { gradient } from "../graph/gradient.ts";
import { input, type Value } from "../graph/graph.ts";
import { squaredError } from "./losses.ts";
import type { DistillationStep, StepModels } from "./distillation_step.ts";
import type { Student } from "./student.ts";

/** A compiled part of the model and the weights it asks for. */
interface Part {
  readonly program: Program;
  readonly weights: readonly string[];
}

/** The gradient with respect to a part's hidden input, among its outputs. */
const HIDDEN = "hidden";
/** Before the name of a tensor: the fine-tune's. */
const FINE = "fine:";
/** Tensors of the fine-tune that its part of the head reads. */
const HEAD = ["model.norm.weight", "lm_head.weight"] as const;

/** Compiles the parts of a step; weights that are not resident are placed anew for each pass. */
export async function layerwiseStep(engine: Engine, models: StepModels): Promise<DistillationStep> {
  const { config, shape, fine, student, detached } = models;
  const trained = [...student.trained.keys()];
  const inputs = modelInputs(config, null);
  const rows = shape.batch * shape.sequence;
  const tokens = input("tokens", [rows], "i32");
  const attentionMask = input("attentionMask", [shape.batch, shape.sequence], "i32");
  const hidden = input(HIDDEN, [rows, config.hiddenSize]);
  const upstream = input("upstream", [rows, config.hiddenSize]);
  const context = { config, shape, attentionMask, ...inputs };

  const ofPart = (prefix: RegExp) => trained.filter((name) => prefix.test(name));
  const embedded = embedTokens(tokens, context);
  const loss = headLoss(hidden, context, rows);
  const teacher = await DecoderPipeline.compile(engine, config, shape, { padded: true });
  const headTrained = ofPart(/^(model\.norm|lm_head)\./);
  if (config.tiedEmbeddings) headTrained.push(...ofPart(/^model\.embed_tokens\./));
  const embedding = await part(engine, { output: embedded });
  const { kinds, kindOf } = layerKinds(config, student.tensors.layers);
  const layers: { forward: Part; backward: Part }[] = [];
  for (const [kind, forms] of kinds.entries()) {
    const inputs = modelInputs(config, forms, detached);
    const layer = decoderLayer(hidden, 0, { config, shape, attentionMask, ...inputs });
    const prefix = `model.layers.${kindOf.indexOf(kind)}.`;
    const ofLayer = trained.filter((name) => name.startsWith(prefix))
      .map((name) => `model.layers.0.${name.slice(prefix.length)}`);
    layers.push({
      forward: await part(engine, { output: layer }),
      backward: await part(engine, gradients(layer, hidden, ofLayer, inputs, upstream)),
    });
  }
  const head = await part(engine, { loss, ...gradients(loss, hidden, headTrained, inputs) });
  const embeddingTrained = ofPart(/^model\.embed_tokens\./);
  const embeddingBackward = embeddingTrained.length > 0
    ? await part(engine, gradients(embedded, null, embeddingTrained, inputs, upstream))
    : null;

  const headTensors = HEAD.map((name) => storedTensor(config, name));
  const fineModel = new PlacedModel(engine, fine);
  const studentModel = new PlacedModel(engine, student.tensors);
  const run = async (part: Part, index: number, feeds: Readonly<Record<string, Feed>>) => {
    const { fixed, current } = studentFeeds(student, part.weights, index);
    using weights = await studentModel.layer(fixed, index);
    return await part.program.keep({ ...weights.feeds, ...current, ...feeds });
  };

  return {
    async run({ tokens, attentionMask }, rowWeights) {
      const found = new Map<string, Float32Array>();
      const keep = async (results: Record<string, Placed>, index: number) => {
        const { [HIDDEN]: hidden, ...rest } = results;
        const numbers = await engine.read(Object.values(rest));
        for (const [place, name] of Object.keys(rest).entries()) {
          accumulate(found, ofLayer(name, index), numbers[place] as Float32Array);
          rest[name].release();
        }
        return hidden;
      };
      const [teacherHidden] = await teacher.forward(fineModel, [{ tokens, attentionMask }]);
      const first = await run(embedding, 0, { tokens });
      const states = [first.output];
      for (let index = 0; index < config.layerCount; index++) {
        const { forward } = layers[kindOf[index]];
        states.push((await run(forward, index, { hidden: states[index], attentionMask })).output);
      }
      const ends = { hidden: states[config.layerCount], teacherHidden, rowWeights };
      using fineHead = await fineModel.layer(headTensors, 0);
      const { loss, ...ofHead } = await run(head, 0, { ...prefixed(fineHead.feeds), ...ends });
      let upstream = await keep(ofHead, 0);
      for (let index = config.layerCount - 1; index >= 0; index--) {
        const feeds = { hidden: states[index], attentionMask, upstream };
        const { backward } = layers[kindOf[index]];
        const below = await keep(await run(backward, index, feeds), index);
        upstream.release();
        upstream = below;
      }
      if (embeddingBackward) await keep(await run(embeddingBackward, 0, { tokens, upstream }), 0);
      const [[lossNumber]] = await engine.read([loss]);
      for (const each of [...states, teacherHidden, upstream, loss]) each.release();
      return { loss: lossNumber, gradient: (name) => found.get(name)! };
    },
    async release() {
      const ofLayers = layers.flatMap(({ forward, backward }) => [forward, backward]);
      const parts = [embedding, ...ofLayers, head, embeddingBackward];
      for (const each of parts) await each?.program.release();
      await teacher.release();
      fineModel[Symbol.dispose]();
      studentModel[Symbol.dispose]();
    },
  };
}

/** The student's inputs of layer `index`: those that never change, and the numbers of those that do. */
function studentFeeds(student: Student, inputs: readonly string[], index: number) {
  const own = inputs.filter((name) => !name.startsWith(FINE));
  const isTrained = (name: string) => student.trained.has(ofLayer(name, index));
  return {
    fixed: own.filter((name) => !isTrained(name)),
    current: Object.fromEntries(
      own.filter(isTrained).map((name) => [name, student.trained.get(ofLayer(name, index))!]),
    ),
  };
}

function prefixed(feeds: Readonly<Record<string, Placed>>): Record<string, Placed> {
  return Object.fromEntries(Object.entries(feeds).map(([name, each]) => [FINE + name, each]));
}

/** The loss from both models' last hidden states; the teacher's norm and head are `fine:` inputs. */
function headLoss(hidden: Value, context: DecoderContext, rows: number): Value {
  const { config, parameters } = context;
  const fineInputs = new Map<string, Value>();
  const fineParameters = (tensor: string) => {
    const name = storedTensor(config, tensor);
    const value = fineInputs.get(name) ?? input(FINE + name, parameters(name).shape);
    fineInputs.set(name, value);
    return value;
  };
  const teacherHidden = input("teacherHidden", [rows, config.hiddenSize]);
  const teacher = headLogits(teacherHidden, { ...context, parameters: fineParameters });
  return squaredError(teacher, headLogits(hidden, context), input("rowWeights", [1, rows]));
}

/** The outputs of a way back: a gradient for each trained input, and for the hidden one if given. */
function gradients(
  output: Value,
  hidden: Value | null,
  trained: readonly string[],
  inputs: ModelInputs,
  seed?: Value,
): Record<string, Value> {
  const names = hidden ? [HIDDEN, ...trained] : trained;
  const values = trained.map(inputs.named);
  const found = gradient(output, hidden ? [hidden, ...values] : values, seed);
  return Object.fromEntries(names.map((name, index) => [name, found[index]]));
}

async function part(engine: Engine, outputs: Record<string, Value>): Promise<Part> {
  return { program: await engine.compile(outputs), weights: weightInputs(outputs) };
}

/** The name in layer `index` of what layer 0, which is compiled for all, calls `name`. */
function ofLayer(name: string, index: number): string {
  return name.replace(/^model\.layers\.0\./, `model.layers.${index}.`);
}

/** Adds to what another part found, as for an embedding that is also the head. */
function accumulate(into: Map<string, Float32Array>, name: string, values: Float32Array): void {
  const sum = into.get(name);
  if (!sum) into.set(name, values.slice());
  else for (let i = 0; i < sum.length; i++) sum[i] += values[i];
}
