/**
 * The loss of a distillation, a student's distance from its teacher, as one graph of both models: the fastest
 * way where both fit in memory. The other way is `layerwise_distillation.ts`; what is trained, `methods/` says.
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { denseLinear, modelInputs, prefixedInputs } from "../model/linear.ts";
import { type BatchShape, modelLogits } from "../model/llama.ts";
import type { ModelTensors } from "../model/model_tensors.ts";
import type { Engine, Placed } from "../graph/engine.ts";
import { input, topologicalOrder } from "../graph/graph.ts";
import { inOrder } from "../util/in_order.ts";
import { type CompiledLoss, compileLoss } from "./compiled_loss.ts";
import type { DistillationLoss } from "./losses.ts";

/** What a step reads. */
export type DistillationBatch = Readonly<{
  /** `[batch · sequence]` */
  tokens: Int32Array;
  /** `[batch · sequence]`, 0 for padding. */
  attentionMask: Int32Array;
  /** `[1, batch · sequence]`: how much each position counts. */
  rowWeights: Float32Array;
}>;

/** What a distillation is compiled for. */
export interface DistillationModels {
  readonly config: DecoderConfig;
  readonly shape: BatchShape;
  /** The fine-tune. */
  readonly teacher: ModelTensors;
  /** The base with a delta. */
  readonly student: ModelTensors;
  /** Inputs of the student that are trained: parts `<layer>.<part>`, and tensors. */
  readonly trained: readonly string[];
  /** Those of them that the engine holds, and whose gradients stay there; default: none. */
  readonly staying?: readonly string[];
  /** Whether the gradient stops at the product of a delta. */
  readonly detached: boolean;
  readonly loss: DistillationLoss;
}

/** Before the name of a tensor: the teacher's, where the student has one of this name too. */
export const TEACHER = "teacher:";

/** What of the weights is read while others are placed: large matrices are read by several workers anyway. */
const READ_AHEAD = { most: 4, mostBytes: 2 ** 28 };

/**
 * Compiles teacher, student, loss and gradients together, and places once all weights that are not trained.
 *
 * @throws the signal's reason, between two weights.
 */
export async function wholeModelLoss(
  engine: Engine,
  { config, shape, teacher, student, trained, staying, detached, loss }: DistillationModels,
  signal?: AbortSignal,
): Promise<CompiledLoss<DistillationBatch>> {
  const rows = shape.batch * shape.sequence;
  const tokens = input("tokens", [rows], "i32");
  const attentionMask = input("attentionMask", [shape.batch, shape.sequence], "i32");
  const rowWeights = input("rowWeights", [1, rows]);
  const inputs = modelInputs(config, student.layers, detached);
  const parameters = prefixedInputs(inputs.parameters, TEACHER);
  const common = { config, shape, attentionMask };
  const ofTeacher = { ...common, parameters, linear: denseLinear(parameters) };
  const value = loss(
    modelLogits(tokens, ofTeacher),
    modelLogits(tokens, { ...common, ...inputs }),
    rowWeights,
  );

  await using resources = new AsyncDisposableStack();
  const compiled = await compileLoss(engine, value, trained.map(inputs.named), staying);
  resources.defer(() => compiled.release());
  const fed = new Set([tokens, attentionMask, rowWeights, ...trained.map(inputs.named)]);
  const placed: Record<string, Placed> = {};
  const weights = topologicalOrder([value]).flatMap((each) => {
    const { name } = each;
    if (name === null || fed.has(each)) return [];
    const isTeachers = name.startsWith(TEACHER);
    const stored = isTeachers ? name.slice(TEACHER.length) : name;
    return [{ name, stored, model: isTeachers ? teacher : student }];
  });
  await inOrder(
    weights,
    { ...READ_AHEAD, bytesOf: ({ stored, model }) => model.bytesOf(stored) },
    ({ stored, model }) => model.read(stored),
    async ({ name }, numbers) => {
      const each = placed[name] = await engine.place(numbers, name);
      resources.defer(() => each.release());
    },
    signal,
  );
  const kept = resources.move();
  return {
    run: (arrays, batch, signal) => compiled.run(arrays, { ...placed, ...batch }, signal),
    release: () => kept.disposeAsync(),
  };
}
