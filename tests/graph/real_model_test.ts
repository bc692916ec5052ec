/**
 * A language model that was made elsewhere (260,000 parameters, trained on stories) and a fine-tune
 * of it, against the numbers of Hugging Face's own module.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { WeightSource } from "../../lib/checkpoint/weights.ts";
import { modelLogits } from "../../lib/graph/decoder/model.ts";
import type { Program } from "../../lib/graph/engine.ts";
import { input, type Value } from "../../lib/graph/graph.ts";
import { crossEntropy } from "../../lib/graph/ops/cross_entropy.ts";
import { mostLikely } from "../../lib/graph/ops/most_likely.ts";
import { onnxEngine } from "../../lib/onnx/engine.ts";
import { testWithShared } from "../shared.ts";
import { absoluteError, assertWithin } from "./closeness.ts";
import { denseContext, weightFeeds } from "./decoder_programs.ts";

interface Expected {
  token_ids: Record<string, number[]>;
  models: Record<
    string,
    & { greedy_from_bos: number[] }
    & Record<string, { mean_nll: number; perplexity: number; nll_by_window: number[] }>
  >;
}

const MODELS = ["stories260k", "stories260k-health"];
const TEXTS = ["health", "wikitext"];
/** Tokens of a window; each is scored alone. */
const WINDOW = 256;
/** Longer than the text that is generated: what stands after a position does not count. */
const GENERATED = 64;
const BOUND = 1e-5;

async function readExpected(shared: string): Promise<Expected> {
  return JSON.parse(await Deno.readTextFile(join(shared, "real", "expected.json")));
}

/** Compiles what `build` makes of the logits of one sequence, for `use` to run. */
async function withModel(
  model: WeightSource,
  sequence: number,
  build: (logits: Value) => Value,
  use: (run: (feeds: Record<string, Int32Array>) => ReturnType<Program["run"]>) => Promise<void>,
): Promise<void> {
  const logits = modelLogits(
    input("tokens", [sequence], "i32"),
    denseContext(model, { batch: 1, sequence }),
  );
  const weights = await weightFeeds(model, [logits]);
  const program = await onnxEngine({ threads: 2 }).compile({ output: build(logits) });
  try {
    await use((feeds) => program.run({ ...weights, ...feeds }));
  } finally {
    await program.release();
  }
}

for (const name of MODELS) {
  testWithShared(`${name} scores texts as the reference does`, async (shared) => {
    const { token_ids, models } = await readExpected(shared);
    using model = await Checkpoint.open(join(shared, "real", name));
    const labels = input("labels", [WINDOW], "i32");
    await withModel(model, WINDOW, (logits) => crossEntropy(logits, labels), async (run) => {
      for (const text of TEXTS) {
        const expected = models[name][text];
        const ids = Int32Array.from(token_ids[text]);
        const found: number[] = [];
        for (let start = 0; start < ids.length; start += WINDOW) {
          const tokens = ids.slice(start, start + WINDOW);
          const next = Int32Array.of(...tokens.subarray(1), 0);
          const { output } = await run({ tokens, labels: next });
          // The last token has no label within its window.
          const scored = Array.from(output.subarray(0, WINDOW - 1));
          found.push(scored.reduce((sum, each) => sum + each, 0) / scored.length);
        }
        assertWithin(absoluteError(found, expected.nll_by_window), BOUND, text);
        const mean = found.reduce((sum, each) => sum + each, 0) / found.length;
        assertWithin(Math.abs(mean - expected.mean_nll), BOUND, `${text}, mean`);
        const perplexity = Math.exp(mean);
        assertWithin(Math.abs(perplexity / expected.perplexity - 1), BOUND, `${text}, perplexity`);
      }
    });
  });

  testWithShared(`${name} continues <s> with the reference's tokens`, async (shared) => {
    const expected = (await readExpected(shared)).models[name].greedy_from_bos;
    assert.ok(expected.length >= 60 && expected.length <= GENERATED);
    using model = await Checkpoint.open(join(shared, "real", name));
    const tokens = new Int32Array(GENERATED);
    tokens[0] = model.config.bosToken!;
    await withModel(model, GENERATED, mostLikely, async (run) => {
      for (let length = 1; length < expected.length; length++) {
        tokens[length] = (await run({ tokens })).output[length - 1];
      }
    });
    assert.deepEqual([...tokens.subarray(0, expected.length)], expected);
  });
}
