/** A distillation step as one graph of both models: the fastest way where both fit in memory. */

import { tensorNames } from "../checkpoint/weights.ts";
import { denseLinear } from "../graph/decoder/context.ts";
import { modelLogits } from "../graph/decoder/model.ts";
import type { Engine } from "../graph/engine.ts";
import { gradient } from "../graph/gradient.ts";
import { input, type Numbers, type Value } from "../graph/graph.ts";
import { meanSquaredError } from "../graph/ops/mean_squared_error.ts";
import type { DistillationStep, StepModels } from "./distillation_step.ts";
import { studentInputs, trainedInput } from "./student.ts";

/** Compiles teacher, student, loss and gradients together and reads all weights once. */
export async function wholeModelStep(
  engine: Engine,
  { config, shape, fine, student, detached }: StepModels,
): Promise<DistillationStep> {
  const rows = shape.batch * shape.sequence;
  const tokens = input("tokens", [rows], "i32");
  const keyMask = input("keyMask", [shape.batch, shape.sequence], "i32");
  const inputs = studentInputs(config, detached);
  const studentLogits = modelLogits(tokens, { config, shape, keyMask, ...inputs });

  const fineInputs = new Map<string, Value>();
  const fineParameters = (tensor: string) => {
    const named = inputs.parameters(tensor);
    const value = fineInputs.get(named.name!) ?? input(`fine:${named.name}`, named.shape);
    fineInputs.set(named.name!, value);
    return value;
  };
  const linear = denseLinear(fineParameters);
  const teacher = { config, shape, keyMask, parameters: fineParameters, linear };
  const rowWeights = input("rowWeights", [1, rows]);
  const loss = meanSquaredError(modelLogits(tokens, teacher), studentLogits, rowWeights);

  const trained = [...student.trained.keys()];
  const gradients = gradient(loss, trained.map((name) => trainedInput(inputs, name)));
  const named = trained.map((name, index) => [name, gradients[index]] as const);
  const program = await engine.compile({ loss, ...Object.fromEntries(named) });

  const fixed: Record<string, Numbers> = {};
  for (const name of tensorNames(config)) {
    fixed[`fine:${name}`] = await fine.readFloat32(name);
    fixed[name] = await student.read(name);
  }
  for (const layer of student.delta.layers.keys()) {
    fixed[`${layer}.mask`] = await student.read(`${layer}.mask`);
    fixed[`${layer}.coeff`] = await student.read(`${layer}.coeff`);
  }
  return {
    async run({ tokens, mask: keyMask }, rowWeights) {
      const results = await program.run({ ...fixed, tokens, keyMask, rowWeights });
      return { loss: results.loss[0], gradient: (name) => results[name] as Float32Array };
    },
    release: () => program.release(),
  };
}
