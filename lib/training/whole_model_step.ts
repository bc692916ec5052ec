/** A distillation step as one graph of both models: the fastest way where both fit in memory. */

import { denseLinear, modelInputs } from "../model/linear.ts";
import { modelLogits } from "../model/llama.ts";
import type { Engine, Placed } from "../graph/engine.ts";
import { gradient } from "../graph/gradient.ts";
import { input, topologicalOrder, type Value } from "../graph/graph.ts";
import { squaredError } from "./losses.ts";
import type { DistillationStep, StepModels } from "./distillation_step.ts";

/** Before the name of a tensor: the fine-tune's, where the student has one of this name too. */
const FINE = "fine:";

/** Compiles teacher, student, loss and gradients together and places all fixed weights once. */
export async function wholeModelStep(
  engine: Engine,
  { config, shape, fine, student, detached }: StepModels,
): Promise<DistillationStep> {
  const rows = shape.batch * shape.sequence;
  const tokens = input("tokens", [rows], "i32");
  const attentionMask = input("attentionMask", [shape.batch, shape.sequence], "i32");
  const inputs = modelInputs(config, student.tensors.layers, detached);
  const studentLogits = modelLogits(tokens, { config, shape, attentionMask, ...inputs });

  const fineInputs = new Map<string, Value>();
  const fineParameters = (tensor: string) => {
    const named = inputs.parameters(tensor);
    const value = fineInputs.get(named.name!) ?? input(FINE + named.name, named.shape);
    fineInputs.set(named.name!, value);
    return value;
  };
  const linear = denseLinear(fineParameters);
  const teacher = { config, shape, attentionMask, parameters: fineParameters, linear };
  const rowWeights = input("rowWeights", [1, rows]);
  const loss = squaredError(modelLogits(tokens, teacher), studentLogits, rowWeights);

  const trained = [...student.trained.keys()];
  const gradients = gradient(loss, trained.map(inputs.named));
  const outputs = {
    loss,
    ...Object.fromEntries(trained.map((name, index) => [name, gradients[index]])),
  };
  const program = await engine.compile(outputs);

  const fed = new Set<Value>([tokens, attentionMask, rowWeights]);
  const placed: Record<string, Placed> = {};
  for (const value of topologicalOrder(Object.values(outputs))) {
    if (value.name === null || fed.has(value) || student.trained.has(value.name)) continue;
    const ofFine = value.name.startsWith(FINE);
    const numbers = ofFine
      ? await fine.read(value.name.slice(FINE.length))
      : await student.tensors.read(value.name);
    placed[value.name] = await engine.place(numbers, value.name);
  }
  return {
    async run({ tokens, attentionMask }, rowWeights) {
      const current = Object.fromEntries(student.trained);
      const results = await program.run({
        ...placed,
        ...current,
        tokens,
        attentionMask,
        rowWeights,
      });
      return { loss: results.loss[0], gradient: (name) => results[name] as Float32Array };
    },
    async release() {
      Object.values(placed).forEach((each) => each.release());
      await program.release();
    },
  };
}
