import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { tensorNames } from "../../../lib/checkpoint/weights.ts";
import { plannedPairs } from "../../../lib/studies/beyond_the_study/plan.ts";
import { scaledPair } from "../../../lib/studies/beyond_the_study/scaled_pair.ts";
import { engine } from "../../experiments/small_study.ts";
import { tokenizedPair } from "../../scripts/tokenized_pair.ts";
import { tinyBeyond } from "./tiny_beyond.ts";

Deno.test("a scaled fine-tune is the base and a share of the delta in every tensor, written once", async () => {
  await using files = await tokenizedPair();
  const [whole, half] = plannedPairs(tinyBeyond(files.folder).protocol);
  const folder = join(files.folder, "scaled");
  assert.equal(await scaledPair(engine, whole, folder), whole);
  const { fine: path } = await scaledPair(engine, half, folder);
  using base = await Checkpoint.open(files.base);
  using fine = await Checkpoint.open(files.fine);
  using scaled = await Checkpoint.open(path);
  for (const name of tensorNames(base.config)) {
    const [from, to, made] = await Promise.all(
      [base, fine, scaled].map((each) => each.readFloat32(name)),
    );
    made.forEach((value, at) => {
      assert.ok(Math.abs(value - (from[at] + to[at]) / 2) < 1e-6, `${name} ${at}`);
    });
  }
  const { mtime } = await Deno.stat(join(path, "model.safetensors"));
  await scaledPair(engine, half, folder);
  assert.deepEqual((await Deno.stat(join(path, "model.safetensors"))).mtime, mtime);
});
