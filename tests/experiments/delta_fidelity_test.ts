import assert from "node:assert/strict";
import { join } from "node:path";
import { int32Tensor, type RawTensor, toFloat32, toInt32 } from "../../lib/checkpoint/tensor.ts";
import { linearLayerNames, tensorNames } from "../../lib/checkpoint/weights.ts";
import type { CompressedLayer } from "../../lib/codecs/codec.ts";
import { memoryDelta } from "../../lib/delta/delta.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { measureFidelity } from "../../lib/experiments/delta_fidelity.ts";
import { Pair } from "../../lib/experiments/pair.ts";
import { tokenizedPair } from "../scripts/tokenized_pair.ts";
import { engine } from "./small_study.ts";

Deno.test("a delta's fidelity is what plain sums over its dense form say", async () => {
  await using files = await tokenizedPair();
  await using pair = await Pair.open(files.base, files.fine, { engine });
  const extracted = await pair.extract();
  const names = linearLayerNames(pair.base.config);
  const layers = new Map<string, CompressedLayer>();
  for (const name of names) layers.set(name, await extracted.readLayer(name));
  // A mask turned about: that layer keeps none of its signs.
  const turned = layers.get(names[0])!;
  const [{ parts, ...term }] = turned.terms;
  const mask = int32Tensor(toInt32(parts.mask).map((word) => ~word), parts.mask.shape);
  layers.set(names[0], { ...turned, terms: [{ ...term, parts: { ...parts, mask } }] });
  const whole = new Map<string, RawTensor>();
  for (const name of extracted.whole.keys()) whole.set(name, await extracted.readWhole(name));
  const delta = memoryDelta(layers, whole, extracted.metadata);
  const path = join(files.folder, "delta.safetensors");
  await writeDelta(path, delta);
  const model = await pair.apply(delta);
  const sums = { both: 0, wanted: 0, found: 0, weights: 0, kept: 0, changed: 0 };
  for (const layer of names) {
    const [base, fine, made] = await Promise.all(
      [pair.base, pair.fine, model].map((each) => each.readFloat32(`${layer}.weight`)),
    );
    base.forEach((weight, at) => {
      const [wanted, found] = [fine[at] - weight, made[at] - weight];
      sums.both += wanted * found;
      sums.wanted += wanted ** 2;
      sums.found += found ** 2;
      sums.weights += weight ** 2;
      sums.changed += Number(wanted !== 0);
      sums.kept += Number(wanted !== 0 && Math.sign(wanted) === Math.sign(found));
    });
  }
  const fidelity = await measureFidelity(pair, { path });
  assert.equal(fidelity.signs, sums.kept / sums.changed);
  assert.ok(fidelity.signs > 0.5 && fidelity.signs < 0.99);
  const near = (a: number, b: number) => assert.ok(Math.abs(a / b - 1) < 1e-5, `${a} ${b}`);
  near(fidelity.cosine, sums.both / Math.sqrt(sums.wanted * sums.found));
  near(fidelity.relativeSize, Math.sqrt(sums.wanted / sums.weights));
  const sizes = tensorNames(pair.fine.config).map(async (name) =>
    toFloat32(await pair.fine.read(name)).length
  );
  const parameters = (await Promise.all(sizes)).reduce((sum, each) => sum + each, 0);
  assert.equal(fidelity.parameters, parameters);
});
