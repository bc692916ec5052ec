/**
 * A language model that was made elsewhere (260,000 parameters, trained on stories) and a fine-tune
 * of it, held against the numbers of Hugging Face's own module on either engine.
 */

import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { WeightSource } from "../../lib/checkpoint/weights.ts";
import { modelLogits } from "../../lib/model/llama.ts";
import type { Engine, Program } from "../../lib/graph/engine.ts";
import { input, type Value } from "../../lib/graph/graph.ts";
import { crossEntropy } from "../../lib/graph/ops/likelihood.ts";
import { absoluteError, assertWithin } from "../graph/closeness.ts";
import { denseContext, weightFeeds } from "./decoder_programs.ts";

interface Expected {
  token_ids: Record<string, number[]>;
  models: Record<
    string,
    & { greedy_from_bos: number[] }
    & Record<string, { mean_nll: number; perplexity: number; nll_by_window: number[] }>
  >;
}

export const realModels = ["stories260k", "stories260k-health"];
const TEXTS = ["health", "wikitext"];
/** Tokens of a window; each is scored alone. */
const WINDOW = 256;
const BOUND = 1e-5;

export async function readExpected(shared: string): Promise<Expected> {
  return JSON.parse(await Deno.readTextFile(join(shared, "real", "expected.json")));
}

/** Compiles what `build` makes of the logits of one sequence, for `use` to run. */
export async function withModel(
  engine: Engine,
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
  const program = await engine.compile({ output: build(logits) });
  try {
    await use((feeds) => program.run({ ...weights, ...feeds }));
  } finally {
    await program.release();
  }
}

/** Scores both texts, window by window. */
export async function assertScores(engine: Engine, shared: string, name: string): Promise<void> {
  const { token_ids, models } = await readExpected(shared);
  using model = await Checkpoint.open(join(shared, "real", name));
  const labels = input("labels", [WINDOW], "i32");
  const build = (logits: Value) => crossEntropy(logits, labels);
  await withModel(engine, model, WINDOW, build, async (run) => {
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
}
