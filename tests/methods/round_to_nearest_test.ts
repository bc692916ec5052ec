/** The method `round-to-nearest`: a model of rounded weights, with no base in it, on file and as it is evaluated. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import { applyToCheckpoint } from "../../lib/delta/apply.ts";
import { bitsPerWeight } from "../../lib/delta/delta_size.ts";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { compress, compressToFile } from "../../lib/methods/compress.ts";
import { planDelta } from "../../lib/methods/closed_form.ts";
import { plainRounding } from "../codecs/plain_integers.ts";
import { engine } from "../experiments/small_study.ts";
import { tokenizedPair } from "../scripts/tokenized_pair.ts";

Deno.test("a rounded fine-tune is in a file what its plan says, and its weights those rounded number by number", async () => {
  await using files = await tokenizedPair();
  using base = await Checkpoint.open(files.base);
  using fine = await Checkpoint.open(files.fine);
  const choice = { method: "round-to-nearest", settings: { bits: 3, group: 32 } };
  const path = join(files.folder, "rounded.safetensors");
  using delta = (await compressToFile(path, engine, base, fine, choice, null)).delta;
  assert.equal(bitsPerWeight(delta), bitsPerWeight(planDelta(fine, choice)));
  const model = await applyToCheckpoint(base, delta);
  const form = { bits: 3, group: 32, type: "F16" } as const;
  for (const [name, { shape, role }] of delta.layers) {
    assert.equal(role, "weight");
    const weights = toFloat32(await fine.stored.read(`${name}.weight`));
    const found = await model.readFloat32(`${name}.weight`);
    assert.deepEqual(found, plainRounding(weights, shape, form), name);
  }
});

Deno.test("of the variants the 8-bit one is nearer to the fine-tune", async () => {
  await using files = await tokenizedPair();
  using base = await Checkpoint.open(files.base);
  using fine = await Checkpoint.open(files.fine);
  const errors = await Promise.all(["4-bit", "8-bit"].map(async (variant) => {
    const { delta } = await compress(
      engine,
      base,
      fine,
      { method: "round-to-nearest", variant },
      null,
    );
    const model = await applyToCheckpoint(base, delta);
    const name = [...delta.layers.keys()][3] + ".weight";
    const [found, weights] = [await model.readFloat32(name), await fine.readFloat32(name)];
    return found.reduce((sum, value, at) => sum + (value - weights[at]) ** 2, 0);
  }));
  assert.ok(errors[1] < errors[0] / 20, String(errors));
});
