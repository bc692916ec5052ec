/**
 * The loss of a distillation layer by layer, for models that do not fit in memory: the forward pass keeps only
 * the layers' inputs, and the way back computes each layer again before its gradient (Chen et al. 2016,
 * "Training Deep Nets with Sublinear Memory Cost"). The numbers are `wholeModelLoss`'s.
 */

import { EMBEDDING, layerPrefix, nameInLayer, storedTensor } from "../checkpoint/weights.ts";
import { layerKinds, type ModelInputs, modelInputs, prefixedInputs } from "../model/linear.ts";
import {
  type DecoderContext,
  decoderLayer,
  embedTokens,
  HEAD_TENSORS,
  headLogits,
} from "../model/llama.ts";
import { DecoderPipeline, weightInputs } from "../model/pipeline.ts";
import { PlacedModel } from "../model/placed_model.ts";
import type { Engine, Feed, Placed, Program } from "../graph/engine.ts";
import { gradient } from "../graph/gradient.ts";
import { input, type Value } from "../graph/graph.ts";
import { add } from "../graph/ops/elementwise.ts";
import { type CompiledLoss, type ParameterFeeds, readLoss, withSums } from "./compiled_loss.ts";
import { type DistillationBatch, type DistillationModels, TEACHER } from "./distillation.ts";
import type { DistillationLoss } from "./losses.ts";

/** A compiled part of the student and the weights it asks for, of layer 0 where it is a layer. */
interface Part {
  readonly program: Program;
  readonly weights: readonly string[];
}

/** The student, in parts. */
interface Parts {
  readonly embedding: Part;
  /** Of each decoder layer, shared by those that are stored alike. */
  readonly layers: readonly { readonly forward: Part; readonly backward: Part }[];
  /** Loss, and its gradients down to the last hidden states. */
  readonly head: Part;
  /** `null` where the embedding is not trained. */
  readonly embeddingBackward: Part | null;
}

/** The gradient with respect to a part's hidden input, among its outputs. */
const HIDDEN = "hidden";

/** A loss of this way. */
export interface LayerwiseLoss extends CompiledLoss<DistillationBatch> {
  /** Whether weights of a model come and go in each step. */
  readonly isStreamed: boolean;
}

/**
 * Compiles the parts of both models; weights that are not resident are placed anew for each pass. A step waits
 * for the engine once, for the loss and all gradients in one transfer.
 */
export async function layerwiseLoss(
  engine: Engine,
  models: DistillationModels,
): Promise<LayerwiseLoss> {
  const { config, shape, staying = [] } = models;
  await using resources = new AsyncDisposableStack();
  const teacher = await DecoderPipeline.compile(engine, config, shape, { padded: true });
  resources.defer(() => teacher.release());
  const parts = await compileParts(engine, models, resources);
  const teacherModel = resources.use(new PlacedModel(engine, models.teacher));
  const studentModel = resources.use(new PlacedModel(engine, models.student));
  const order = orderOf(parts);
  const teacherHead = HEAD_TENSORS.map((name) => storedTensor(config, name));

  const run: CompiledLoss<DistillationBatch>["run"] = async (arrays, batch, signal) => {
    const { tokens, attentionMask, rowWeights } = batch;
    /** The loss and the gradients, which stay where they are computed until all of them are there. */
    const found = new Map<string, Placed>();
    const held = new Set<Placed>();
    const drop = (placed: Placed) => {
      placed.release();
      held.delete(placed);
    };

    const steps = [...order];
    const runPart = async (part: Part, index: number, feeds: Readonly<Record<string, Feed>>) => {
      signal?.throwIfAborted();
      const { fixed, current } = studentFeeds(arrays, part.weights, index);
      using weights = await studentModel.layer(fixed, index);
      const outputs = await part.program.keep({ ...weights.feeds, ...current, ...feeds });
      steps.shift();
      const [next] = steps;
      if (next) {
        studentModel.ahead(studentFeeds(arrays, next.part.weights, next.index).fixed, next.index);
      }
      for (const each of Object.values(outputs)) held.add(each);
      return outputs;
    };
    /** Keeps the gradients of a part; returns what flows on to the part before it. */
    const backward = async (part: Part, index: number, feeds: Readonly<Record<string, Feed>>) => {
      const { [HIDDEN]: below, ...own } = await runPart(part, index, feeds);
      for (const name of Object.keys(own)) found.set(nameInLayer(name, index), own[name]);
      return below;
    };

    try {
      const [teacherHidden] = await teacher.forward(teacherModel, [{ tokens, attentionMask }], {
        signal,
      });
      held.add(teacherHidden);
      const states = [(await runPart(parts.embedding, 0, { tokens })).output];
      for (const [index, { forward }] of parts.layers.entries()) {
        const feeds = { hidden: states[index], attentionMask };
        states.push((await runPart(forward, index, feeds)).output);
      }
      using head = await teacherModel.layer(teacherHead, 0);
      const ofTeacher = Object.fromEntries(
        Object.entries(head.feeds).map(([name, each]) => [TEACHER + name, each]),
      );
      const ends = { hidden: states.pop()!, teacherHidden, rowWeights };
      let upstream = await backward(parts.head, 0, { ...ofTeacher, ...ends });
      drop(ends.hidden);
      for (const [index, part] of [...parts.layers.entries()].toReversed()) {
        const feeds = { hidden: states[index], attentionMask, upstream };
        const below = await backward(part.backward, index, feeds);
        drop(upstream);
        drop(states[index]);
        upstream = below;
      }
      if (parts.embeddingBackward) {
        const feeds: Record<string, Feed> = { tokens, upstream };
        if (config.tiedEmbeddings) feeds.ofHead = found.get(EMBEDDING)!;
        await backward(parts.embeddingBackward, 0, feeds);
      }
      for (const each of found.values()) held.delete(each);
      return await readLoss(engine, found, staying);
    } finally {
      for (const each of held) each.release();
    }
  };
  const kept = resources.move();
  const isStreamed = !teacherModel.resident || !studentModel.resident;
  return { run, release: () => kept.disposeAsync(), isStreamed };
}

/** The parts in the order in which a step runs them, each with the layer whose weights it reads. */
function orderOf({ embedding, layers, head, embeddingBackward }: Parts) {
  const forward = layers.map((layer, index) => ({ part: layer.forward, index }));
  const backward = layers.map((layer, index) => ({ part: layer.backward, index })).toReversed();
  const ends = [embedding, head].map((part) => ({ part, index: 0 }));
  const last = embeddingBackward ? [{ part: embeddingBackward, index: 0 }] : [];
  return [ends[0], ...forward, ends[1], ...backward, ...last];
}

async function compileParts(
  engine: Engine,
  { config, shape, student, trained, staying = [], detached, loss }: DistillationModels,
  resources: AsyncDisposableStack,
): Promise<Parts> {
  const rows = shape.batch * shape.sequence;
  const stayingInLayer = [...new Set(staying.map((name) => nameInLayer(name, 0)))];
  const tokens = input("tokens", [rows], "i32");
  const attentionMask = input("attentionMask", [shape.batch, shape.sequence], "i32");
  const hidden = input(HIDDEN, [rows, config.hiddenSize]);
  const upstream = input("upstream", [rows, config.hiddenSize]);
  const part = async (outputs: Record<string, Value>): Promise<Part> => {
    const program = await engine.compile(withSums(outputs, stayingInLayer));
    resources.defer(() => program.release());
    return { program, weights: weightInputs(outputs) };
  };

  const { kinds, kindOf } = layerKinds(config, student.layers);
  const ofKinds: { forward: Part; backward: Part }[] = [];
  for (const [kind, { forms, config: ofKind }] of kinds.entries()) {
    const inputs = modelInputs(config, forms, detached);
    const output = decoderLayer(hidden, 0, { config: ofKind, shape, attentionMask, ...inputs });
    const prefix = layerPrefix(kindOf.indexOf(kind));
    const ofLayer = trained.filter((name) => name.startsWith(prefix))
      .map((name) => nameInLayer(name, 0));
    ofKinds.push({
      forward: await part({ output }),
      backward: await part(gradients(output, hidden, ofLayer, inputs, upstream)),
    });
  }

  const inputs = modelInputs(config, null);
  const context = { config, shape, attentionMask, ...inputs };
  const ofEmbedding = trained.filter((name) => name.startsWith("model.embed_tokens."));
  const ofHead = trained.filter((name) => /^(model\.norm|lm_head)\./.test(name));
  if (config.tiedEmbeddings) ofHead.push(...ofEmbedding);
  const value = headLoss(hidden, context, rows, loss);
  return {
    embedding: await part({ output: embedTokens(tokens, context) }),
    layers: kindOf.map((kind) => ofKinds[kind]),
    head: await part({ loss: value, ...gradients(value, hidden, ofHead, inputs) }),
    embeddingBackward: ofEmbedding.length > 0
      ? await part(embeddingGradient(tokens, upstream, context))
      : null,
  };
}

/** The student's inputs of layer `index`: those that never change, and the numbers of those that do. */
function studentFeeds(arrays: ParameterFeeds, inputs: readonly string[], index: number) {
  const isTrained = (name: string) => arrays.has(nameInLayer(name, index));
  return {
    fixed: inputs.filter((name) => !isTrained(name)),
    current: Object.fromEntries(
      inputs.filter(isTrained).map((name) => [name, arrays.get(nameInLayer(name, index))!]),
    ),
  };
}

/** The loss from both models' last hidden states, `[rows, hidden]`. */
function headLoss(
  hidden: Value,
  context: DecoderContext,
  rows: number,
  loss: DistillationLoss,
): Value {
  const ofTeacher = { ...context, parameters: prefixedInputs(context.parameters, TEACHER) };
  const teacherHidden = input("teacherHidden", hidden.shape);
  return loss(
    headLogits(teacherHidden, ofTeacher),
    headLogits(hidden, context),
    input("rowWeights", [1, rows]),
  );
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

/** The gradient of the embedding: of one that is also the head, the head's share is added. */
function embeddingGradient(
  tokens: Value,
  upstream: Value,
  context: DecoderContext,
): Record<string, Value> {
  const table = context.parameters(EMBEDDING);
  const [found] = gradient(embedTokens(tokens, context), [table], upstream);
  const { tiedEmbeddings } = context.config;
  return { [EMBEDDING]: tiedEmbeddings ? add(input("ofHead", table.shape), found) : found };
}
