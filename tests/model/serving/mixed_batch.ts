/** Sequences of several tenants in one batch, and what each tenant's full checkpoint gives for the same tokens. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { saveCheckpoint } from "../../../lib/checkpoint/save.ts";
import { applyDelta } from "../../../lib/delta/apply.ts";
import type { Delta } from "../../../lib/delta/delta.ts";
import { storedTensor, tensorShape } from "../../../lib/checkpoint/weights.ts";
import type { Program } from "../../../lib/graph/engine.ts";
import { input } from "../../../lib/graph/graph.ts";
import { HEAD_TENSORS, headLogits, type Parameters } from "../../../lib/model/llama.ts";
import { modelTensors } from "../../../lib/model/model_tensors.ts";
import { DecoderPipeline } from "../../../lib/model/pipeline.ts";
import { PlacedModel } from "../../../lib/model/placed_model.ts";
import type { TenantModel } from "../../../lib/model/serving/tenant_model.ts";
import { denseContext, engine } from "../decoder_programs.ts";

/** A sequence as a batch went on with it. */
export interface Continued {
  /** Prompt and greedy tokens, the last of which was not run. */
  readonly tokens: number[];
  /** After the prompt, and after each token that was run. */
  readonly logits: Float32Array[];
}

/** Prompts run one after another, and then so many tokens of all together. */
export async function continueTogether(
  model: TenantModel,
  tenants: readonly (string | null)[],
  prompts: readonly (readonly number[])[],
  count: number,
): Promise<Continued[]> {
  const running = [];
  for (const [at, tenant] of tenants.entries()) {
    const prompt = prompts[at % prompts.length];
    const sequence = model.start(tenant, prompt.length + count);
    let logits = new Float32Array();
    for (let begin = 0; begin < prompt.length; begin += model.chunk) {
      const piece = Int32Array.from(prompt.slice(begin, begin + model.chunk));
      logits = new Float32Array(await model.prefill(sequence, piece));
    }
    running.push({ sequence, tokens: [...prompt, largest(logits)], logits: [logits] });
  }
  for (let step = 1; step < count; step++) {
    const next = running.map(({ sequence, tokens }) => ({ sequence, token: tokens.at(-1)! }));
    for (const [at, logits] of (await model.decode(next)).entries()) {
      running[at].logits.push(new Float32Array(logits));
      running[at].tokens.push(largest(logits));
    }
  }
  running.forEach(({ sequence }) => sequence.release());
  return running.map(({ tokens, logits }) => ({ tokens, logits }));
}

/** Full checkpoints, saved and run alone on the CPU; one configuration is compiled once. */
export class SavedModels implements AsyncDisposable {
  readonly #compiled = new Map<string, Promise<{ pipeline: DecoderPipeline; head: Program }>>();

  /** @param folder to save them in. */
  constructor(readonly folder: string) {}

  /** Checks logits, relative to the largest, and greedy tokens against those of base and delta as they are saved. */
  async check(
    base: Checkpoint,
    delta: Delta | null,
    { tokens, logits }: Continued,
    name: string,
  ): Promise<void> {
    const path = join(this.folder, name.replaceAll("/", " "));
    await saveCheckpoint(path, delta ? await applyDelta(base, delta) : base, { dtype: "F32" });
    using saved = await Checkpoint.open(path);
    const run = Int32Array.from(tokens.slice(0, -1));
    const all = await this.#logits(saved, run);
    const { vocabularySize } = saved.config;
    const first = run.length - logits.length;
    for (const [step, found] of logits.entries()) {
      const begin = (first + step) * vocabularySize;
      const expected = all.subarray(begin, begin + vocabularySize);
      assert.equal(found.length, vocabularySize);
      const most = expected.reduce((most, each) => Math.max(most, Math.abs(each)), 1);
      found.forEach((value, at) => {
        const isNear = Math.abs(value - expected[at]) <= 1e-4 * most;
        assert.ok(isNear, `${name}, step ${step}, ${at}: ${value}, ${expected[at]}`);
      });
      assert.equal(tokens[first + step + 1], largest(expected), `${name}: token ${step}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#compiled.values()) {
      const { pipeline, head } = await each;
      await pipeline.release();
      await head.release();
    }
  }

  /** Of all tokens, `[tokens, vocabulary]`. */
  async #logits(model: Checkpoint, tokens: Int32Array): Promise<Float32Array> {
    const key = JSON.stringify([model.config, tokens.length]);
    const compiled = this.#compiled.get(key) ?? compile(model, tokens.length);
    this.#compiled.set(key, compiled);
    const { pipeline, head } = await compiled;
    using placed = new PlacedModel(engine, modelTensors(model, engine));
    const [states] = await pipeline.forward(placed, [{ tokens }]);
    using weights = await placed.layer(HEAD_TENSORS.slice(), 0);
    const { logits } = await head.run({ ...weights.feeds, hidden: states });
    states.release();
    return logits as Float32Array;
  }
}

async function compile(model: Checkpoint, sequence: number) {
  const shape = { batch: 1, sequence };
  const hidden = input("hidden", [sequence, model.config.hiddenSize]);
  const context = denseContext(model, shape);
  const parameters: Parameters = (tensor) =>
    input(tensor, tensorShape(model.config, storedTensor(model.config, tensor)));
  return {
    pipeline: await DecoderPipeline.compile(engine, model.config, shape),
    head: await engine.compile({ logits: headLogits(hidden, { ...context, parameters }) }),
  };
}

function largest(logits: Float32Array): number {
  return logits.reduce((best, each, at) => each > logits[best] ? at : best, 0);
}
