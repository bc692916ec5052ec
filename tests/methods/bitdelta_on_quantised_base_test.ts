/** The method `bitdelta-on-quantised-base`: signs on a rounded base, on file, as weights and as it is evaluated. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { float32Tensor } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import { findCodec } from "../../lib/codecs/mod.ts";
import { packSigns } from "../../lib/codecs/signs.ts";
import { applyToCheckpoint } from "../../lib/delta/apply.ts";
import { openDelta } from "../../lib/delta/delta_file.ts";
import { bitsPerWeight } from "../../lib/delta/delta_size.ts";
import { readDeltaMatrix } from "../../lib/delta/difference.ts";
import { firstTokens } from "../../lib/evaluation/token_text.ts";
import { Pair } from "../../lib/experiments/pair.ts";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import { bitdeltaOnQuantisedBase } from "../../lib/methods/bitdelta_on_quantised_base.ts";
import { planDelta } from "../../lib/methods/closed_form.ts";
import { compress, compressToFile } from "../../lib/methods/compress.ts";
import type { MethodChoice } from "../../lib/methods/method.ts";
import { GroupWork } from "../../lib/methods/group_work.ts";
import { readsText, resolveMethod } from "../../lib/methods/mod.ts";
import { embeddedTexts } from "../../lib/texts/study_texts.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { projectPath } from "../../lib/util/project.ts";
import { plainRounding } from "../codecs/plain_integers.ts";
import { engine } from "../experiments/small_study.ts";
import { tokenizedPair } from "../scripts/tokenized_pair.ts";

const name = "bitdelta-on-quantised-base";
const eight = { bits: 8, group: 128, type: "F16" } as const;

/** Q(W) + mean |Δ| · S, each number by itself. */
function plainSum(
  rounded: Float32Array,
  delta: Float32Array,
): Float32Array {
  const scale = Math.fround(delta.reduce((sum, each) => sum + Math.abs(each), 0) / delta.length);
  return rounded.map((each, at) => each + (delta[at] < 0 ? -scale : scale));
}

function checkNear(found: Float32Array, expected: Float32Array, about: string): void {
  assert.equal(found.length, expected.length);
  const apart = Math.max(...found.map((each, at) => Math.abs(each - expected[at])));
  // A mean in another order of summation may be the next 32-bit float.
  assert.ok(apart < 1e-6, `${about}: ${apart}`);
}

Deno.test("weights are those of the rounded base and the signs, number by number, on file and off it", async () => {
  await using files = await tokenizedPair();
  using base = await Checkpoint.open(files.base);
  using fine = await Checkpoint.open(files.fine);
  const choice = { method: name };
  assert.ok(!readsText(choice));
  const path = join(files.folder, "quantised.safetensors");
  (await compressToFile(path, engine, base, fine, choice, null)).delta[Symbol.dispose]();
  using delta = await openDelta(path);
  assert.equal(bitsPerWeight(delta), bitsPerWeight(planDelta(fine, choice)));
  const model = await applyToCheckpoint(base, delta);
  for (const [layer, { shape, role, terms }] of delta.layers) {
    assert.deepEqual([role, terms.length], ["weight", 2]);
    const weights = await base.readFloat32(`${layer}.weight`);
    const expected = plainSum(
      plainRounding(weights, shape, eight),
      await readDeltaMatrix(base, fine, layer),
    );
    checkNear(await model.readFloat32(`${layer}.weight`), expected, layer);
  }
});

Deno.test("of inputs that do not know each other the 4-bit base is that of rounding each weight by itself", async () => {
  const shape: LinearShape = [4, 40];
  const random = new SeededRandom(3);
  const base = Float32Array.from({ length: 160 }, () => random.normal());
  const fine = base.map((each) => each + Math.fround(0.1 * random.normal()));
  const delta = fine.map((each, at) => each - base[at]);
  const meanMagnitude = delta.reduce((sum, each) => sum + Math.abs(each), 0) / delta.length;
  const { settings } = resolveMethod({ method: name, variant: "4-bit gptq" });
  await using programs = new ProgramCache(engine);
  await using group = new GroupWork();
  const unit = await engine.place(
    Float32Array.from({ length: 40 * 40 }, (_, at) => at % 41 === 0 ? 1 : 0),
  );
  const { role, terms } = await bitdeltaOnQuantisedBase.compress(
    {
      name: "a",
      shape,
      base: float32Tensor(base, shape),
      fine: float32Tensor(fine, shape),
      signs: { mask: packSigns(delta, shape), meanMagnitude },
      fineInputs: unit,
      compressedInputs: unit,
      group,
    },
    settings as Parameters<typeof bitdeltaOnQuantisedBase.compress>[1],
    engine,
    programs,
    {},
  );
  assert.equal(role, "weight");
  const [first, second] = terms.map(({ codec, parts, form }) =>
    findCodec(codec).decode(parts, shape, form)
  );
  const rounded = plainRounding(base, shape, { bits: 4, group: 128, type: "F16" });
  checkNear(first.map((each, at) => each + second[at]), plainSum(rounded, delta), "sum");
});

Deno.test("in 8 bits the base costs the fine-tune nothing beside what signs do, and in 4 a little", async () => {
  await using pair = await Pair.open(
    projectPath("data/checkpoints/llama-base"),
    projectPath("data/checkpoints/llama-assistant"),
    { engine },
  );
  const text = firstTokens(await pair.text("w", await embeddedTexts.evaluation("wikitext")), 640);
  const reference = await pair.reference(text);
  const calibration = await pair.sequences((await embeddedTexts.calibration(1)).slice(0, 4));
  const klOf = async (choice: MethodChoice) => {
    const { delta } = await compress(engine, pair.base, pair.fine, choice, calibration);
    return (await pair.evaluate(await pair.apply(delta), text, reference)).kl!;
  };
  const [signs, of8, of4] = [
    await klOf({ method: "initial" }),
    await klOf({ method: name, variant: "8-bit rounded" }),
    await klOf({ method: name, variant: "4-bit gptq", settings: { rows: 256 } }),
  ];
  assert.ok(Math.abs(of8 / signs - 1) < 0.01, `${of8} of ${signs}`);
  assert.ok(of4 > of8 && of4 < 1.5 * signs, `${of4} of ${signs}`);
});
