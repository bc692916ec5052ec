/** A pair of other vocabularies, heads and positions on a GPU: compressed, trained and scored as on the CPU. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import { applyToCheckpoint } from "../../lib/delta/apply.ts";
import { Evaluator } from "../../lib/evaluation/evaluator.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { compress } from "../../lib/methods/compress.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { textOfTokens } from "../evaluation/oracle_perplexity.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { withMemory } from "../graph/with_memory.ts";
import { engine } from "../methods/oracle_pair.ts";
import { gpuTest } from "./gpu.ts";

const TOKENS = [1, 5, 9, 2, 7, 0, 10, 3, 3, 8, 6, 4, 1, 9];
const text = textOfTokens("ids", TOKENS);
const sequences = {
  count: 2,
  length: 8,
  tokens: Int32Array.from([...TOKENS.slice(0, 8), ...TOKENS.slice(4, 12)]),
  attentionMask: new Int32Array(16).fill(1),
};

const fines: Readonly<Record<string, Partial<DecoderConfig>>> = {
  "grown, and its positions others": { vocabularySize: 13, ropeTheta: 5e5, normEpsilon: 1e-3 },
  "smaller and tied": { vocabularySize: 11, tiedEmbeddings: true },
};

for (const [name, change] of Object.entries(fines)) {
  for (const [memory, bytes] of [["", 2 ** 30], [", streamed", 0]] as const) {
    gpuTest(
      `a vocabulary that is ${name}, beside a base of 12${memory}: as on the CPU`,
      async (gpu) => {
        await using folder = await temporaryFolder();
        const save = async (role: string, config: DecoderConfig, seed: number) => {
          const options = { config, seed, dtype: "BF16", change: tame } as const;
          return await Checkpoint.open(await saveTiny(join(folder.path, role), options));
        };
        const config = { ...TINY_CONFIG, vocabularySize: 12 };
        using base = await save("base", config, 1);
        using fine = await save("fine", { ...config, ...change }, 2);
        const numbers = async (on: Engine) => {
          const settings = { steps: 2, batch: 1 };
          const choice = { method: "distilled", variant: "study-faithful", settings };
          const { delta, losses } = await compress(on, base, fine, choice, sequences);
          const evaluator = new Evaluator(on, fine.config, { context: 4, window: 4 });
          const reference = await evaluator.reference(fine, text);
          const found = [...losses];
          for (const model of [base, await applyToCheckpoint(base, delta)]) {
            const { perplexity, kl, agreement } = await evaluator.score(model, text, reference);
            found.push(perplexity, kl!, agreement!);
          }
          await evaluator.release();
          return found;
        };
        const [found, expected] = [await numbers(withMemory(gpu, bytes)), await numbers(engine)];
        assert.equal(found.length, 8);
        for (const [index, value] of found.entries()) {
          assertWithin(relativeError([value], [expected[index]]), 1e-4, `number ${index}`);
        }
      },
    );
  }
}

/** Weights of deviation 0.3, and 1 more in norms. */
function tame(tensor: string, values: Float32Array): void {
  const centre = tensor.endsWith("norm.weight") ? 1 : 0;
  values.forEach((each, at) => values[at] = centre + 0.3 * each);
}
