/**
 * Decoders of every kind against Hugging Face's own: logits of tiny random models, as transformers computes them
 * with the float32 norms and softmaxes of its code made float64 (`fixtures/architectures/README.md`).
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { SafetensorsFile } from "../../lib/checkpoint/safetensors.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { gpuTest } from "../webgpu/gpu.ts";
import { engine, layerwiseLogits } from "./decoder_programs.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/architectures", import.meta.url));

/** A model, and what it answers to the first tokens. */
interface Case {
  readonly name: string;
  /** The file of its weights, without its ending. */
  readonly weights: string;
  /** `config.json` as transformers 5 writes it, and as 4 wrote it. */
  readonly config5: Record<string, unknown>;
  readonly config4: Record<string, unknown>;
  readonly lengths: readonly { readonly length: number; readonly rows: readonly number[] }[];
}

const { tokens: all, cases } = JSON.parse(
  await Deno.readTextFile(join(FIXTURES, "cases.json")),
) as { tokens: number[]; cases: Case[] };

/** Opens a case's model as a folder with a `config.json` of either version. */
async function openCase(folder: string, { weights, ...each }: Case, version: 4 | 5) {
  await Deno.copyFile(
    join(FIXTURES, "weights", `${weights}.safetensors`),
    join(folder, "model.safetensors"),
  );
  const json = version === 4 ? each.config4 : each.config5;
  await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(json));
  return await Checkpoint.open(folder);
}

async function assertLogits(on: Engine, each: Case, lengths: Case["lengths"], bound: number) {
  await using folder = await temporaryFolder();
  using model = await openCase(folder.path, each, 5);
  using expected = await SafetensorsFile.open(join(FIXTURES, "logits.safetensors"));
  for (const { length, rows } of lengths) {
    const tokens = Int32Array.from(all.slice(0, length));
    const shape = { batch: 1, sequence: length };
    const [logits] = await layerwiseLogits(model, shape, [{ tokens }], undefined, on);
    const { bytes, shape: [, vocabulary] } = await expected.read(`${each.name}.${length}`);
    const wanted = new Float64Array(bytes.slice().buffer);
    const found = rows.flatMap((row) => [
      ...logits.slice(row * vocabulary, (row + 1) * vocabulary),
    ]);
    assertWithin(relativeError(found, wanted), bound, `${length} tokens`);
  }
}

for (const each of cases) {
  Deno.test(`${each.name} has transformers' logits`, async () => {
    await assertLogits(engine, each, each.lengths, 1e-5);
  });

  gpuTest(`${each.name} has transformers' logits, on a GPU`, async (gpu) => {
    await assertLogits(gpu, each, each.lengths.slice(-1), 2e-5);
  });
}

Deno.test("configurations that transformers 4 and 5 write say the same", async () => {
  assert.ok(cases.length > 20);
  for (const each of cases) {
    await using folder = await temporaryFolder();
    using older = await openCase(folder.path, each, 4);
    using newer = await openCase(folder.path, each, 5);
    assert.deepEqual(newer.config, older.config, each.name);
  }
});
