/** Decoders of every kind against float64 loops written from the publications, on both engines. */

import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { gpuTest } from "../webgpu/gpu.ts";
import { architectures, LENGTHS } from "./architecture_cases.ts";
import { engine, layerwiseLogits, wholeModelLogits } from "./decoder_programs.ts";
import { decoderLogits } from "./plain/decoder.ts";
import { plainWeights, randomModel, randomTokens } from "./random_model.ts";

async function assertLogits(on: Engine, config: DecoderConfig, lengths: number[], bound: number) {
  const model = randomModel(config, 1);
  for (const sequence of lengths) {
    const shape = { batch: 2, sequence };
    const tokens = randomTokens(config, 2 * sequence, 2);
    const expected = decoderLogits(config, plainWeights(model), Float64Array.from(tokens), shape);
    const logits = await wholeModelLogits(model, shape, { tokens }, on);
    const [layerwise] = await layerwiseLogits(model, shape, [{ tokens }], undefined, on);
    assertWithin(relativeError(logits, expected), bound, `${sequence} tokens, as one graph`);
    assertWithin(relativeError(layerwise, expected), bound, `${sequence} tokens, layer by layer`);
  }
}

for (const [name, config] of Object.entries(architectures)) {
  Deno.test(`a decoder with ${name} answers what plain loops answer`, async () => {
    await assertLogits(engine, config, LENGTHS, 1e-5);
  });

  gpuTest(`a decoder with ${name} answers what plain loops answer, on a GPU`, async (gpu) => {
    await assertLogits(gpu, config, LENGTHS.slice(-1), 2e-5);
  });
}
