/** Sequences of several tenants in one batch, and what each tenant's full checkpoint gives for the same tokens. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { saveCheckpoint } from "../../../lib/checkpoint/save.ts";
import { applyDelta } from "../../../lib/delta/apply.ts";
import type { Delta } from "../../../lib/delta/delta.ts";
import type { TenantModel } from "../../../lib/model/serving/tenant_model.ts";
import { layerwiseLogits } from "../decoder_programs.ts";

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

/** Checks logits, relative to the largest, and greedy tokens against those of a saved checkpoint run alone. */
export async function assertAsSaved(
  folder: string,
  base: Checkpoint,
  delta: Delta | null,
  { tokens, logits }: Continued,
  name: string,
): Promise<void> {
  const path = join(folder, name.replaceAll("/", " "));
  await saveCheckpoint(path, delta ? await applyDelta(base, delta) : base, { dtype: "F32" });
  using saved = await Checkpoint.open(path);
  const run = Int32Array.from(tokens.slice(0, -1));
  const [all] = await layerwiseLogits(saved, { batch: 1, sequence: run.length }, [{ tokens: run }]);
  const { vocabularySize } = saved.config;
  const first = run.length - logits.length;
  for (const [step, found] of logits.entries()) {
    const begin = (first + step) * vocabularySize;
    const expected = (all as Float32Array).subarray(begin, begin + vocabularySize);
    assert.equal(found.length, vocabularySize);
    const most = expected.reduce((most, each) => Math.max(most, Math.abs(each)), 1);
    found.forEach((value, at) => {
      const difference = Math.abs(value - expected[at]);
      assert.ok(
        difference <= 1e-4 * most,
        `${name}, step ${step}, ${at}: ${value}, ${expected[at]}`,
      );
    });
    assert.equal(tokens[first + step + 1], largest(expected), `${name}: token ${step}`);
  }
}

function largest(logits: Float32Array): number {
  return logits.reduce((best, each, at) => each > logits[best] ? at : best, 0);
}
