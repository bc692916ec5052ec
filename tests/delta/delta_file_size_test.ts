/** That what a file takes is known to the byte before it is written, and adds up at the shapes of 7B models. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { tensorShape } from "../../lib/checkpoint/weights.ts";
import { deltaFileSize } from "../../lib/delta/delta_file_size.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { publishedConfigurations } from "../../lib/studies/embedded_pairs/shapes/configurations.ts";
import { planDelta } from "../../lib/methods/closed_form.ts";
import { activationAwarePlus } from "../../lib/methods/activation_aware_plus.ts";
import type { Method, MethodChoice } from "../../lib/methods/method.ts";
import { methods } from "../../lib/methods/mod.ts";
import { tablesSetting } from "../../lib/methods/tables.ts";
import { initial } from "../../lib/methods/initial.ts";
import { withLowRank } from "../codecs/low_rank.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { mixedDelta } from "./mixed_delta.ts";

/** A method at the shapes of a published model, whose fine-tune is stored in 16 bits. */
function planOf(name: string, choice: MethodChoice = { method: initial.name }) {
  const config = publishedConfigurations[name];
  const info = (tensor: string) => ({
    dtype: "BF16" as const,
    shape: tensorShape(config, tensor),
  });
  return planDelta({ config, info }, choice);
}

Deno.test("a plan says what its file takes, to the byte, whatever its codecs", async () => {
  using _codec = withLowRank();
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  const delta = mixedDelta();
  await writeDelta(path, delta);
  const { bytes } = deltaFileSize(delta);
  const { total, ...parts } = bytes;
  assert.equal(total, (await Deno.stat(path)).size);
  assert.equal(Object.values(parts).reduce((sum, each) => sum + each, 0), total);
  const header = await Deno.readFile(path);
  assert.equal(bytes.header, 8 + Number(new DataView(header.buffer).getBigUint64(0, true)));
});

// Of Llama-2-7b: 4 square projections and 3 of the MLP in each of 32 layers, 2 norms in each and one more.
const WEIGHTS = 32 * (4 * 4096 ** 2 + 3 * 4096 * 11008);
const FINE = WEIGHTS + 2 * 32000 * 4096 + 65 * 4096;

Deno.test("at the shapes of Llama-2-7b a linear weight takes one bit and at most a thousandth more", () => {
  const { bytes, weights, parameters, linearBits, fileBits } = deltaFileSize(planOf("llama-2-7b"));
  assert.deepEqual([weights, parameters], [WEIGHTS, FINE]);
  assert.deepEqual({ ...bytes, header: 0, total: 0 }, {
    masks: WEIGHTS / 8,
    scales: 4 * 7 * 32,
    embeddings: 2 * 32000 * 4096,
    head: 2 * 32000 * 4096,
    norms: 2 * 65 * 4096,
    biases: 0,
    other: 0,
    header: 0,
    total: 0,
  });
  assert.ok(linearBits >= 1 && linearBits <= 1.001, `${linearBits}`);
  assert.equal(fileBits, 8 * bytes.total / FINE);
  assert.ok(bytes.header < 200_000);
});

Deno.test("the ratio at Llama-2-7b's shapes is BitDelta's in one unit, and its printed one in two", () => {
  const { bytes: { total } } = deltaFileSize(planOf("llama-2-7b"));
  const fine = 2 * FINE;
  assert.equal((fine / total).toFixed(2), "10.10");
  // Printed there: 13.48 GB by 1.24 GB, which are 10⁹ bytes and GiB.
  assert.equal((fine / 1e9).toFixed(2), "13.48");
  assert.equal((total / 2 ** 30).toFixed(2), "1.24");
  assert.equal((13.48 / 1.24).toFixed(2), "10.87");
});

Deno.test("at the shapes of other models a linear weight takes one bit and at most a thousandth more", () => {
  for (const name of Object.keys(publishedConfigurations)) {
    const { linearBits } = deltaFileSize(planOf(name));
    assert.ok(linearBits >= 1 && linearBits <= 1.001, `${name}: ${linearBits}`);
  }
});

Deno.test("at the shapes of Llama-2-7b tables of four bits leave a little more than a quarter of their bytes", () => {
  const planned = (tables: string) =>
    deltaFileSize(planOf("llama-2-7b", { method: "test tables", settings: { tables } })).bytes;
  const method = { ...initial, name: "test tables", settings: { tables: tablesSetting("whole") } };
  methods.push(method as unknown as Method);
  using _ = { [Symbol.dispose]: () => void methods.splice(methods.length - 1, 1) };
  const [whole, four] = ["whole", "4-bit"].map(planned);
  assert.equal(whole.embeddings, 2 * 32000 * 4096);
  for (const kind of ["embeddings", "head"] as const) {
    assert.equal(four[kind], (4 + 20 / 128) / 8 * 32000 * 4096);
  }
  // Signs alone take 0.71 of the file with whole tables; fewer bits of linear layers must give the rest.
  assert.ok(Math.abs(four.total / whole.total - 0.71) < 0.005, `${four.total / whole.total}`);
});

Deno.test("activation-aware+ keeps tables in four bits: at the shapes of Llama-2-7b, seven tenths of BitDelta's file", () => {
  const bytesOf = (choice?: MethodChoice) => deltaFileSize(planOf("llama-2-7b", choice)).bytes;
  const ofStudy = bytesOf();
  const tables = (4 + 20 / 128) / 8 * 32000 * 4096;
  // Of a square projection and of one of the MLP, rows and columns in 16 bits.
  const vectors = 2 * 32 * (4 * (4096 + 4096) + 3 * (4096 + 11008));
  for (const variant of Object.keys(activationAwarePlus.variants)) {
    const { header, total, ...bytes } = bytesOf({ method: activationAwarePlus.name, variant });
    assert.deepEqual([bytes.embeddings, bytes.head], [tables, tables], variant);
    assert.equal(total, header + Object.values(bytes).reduce((sum, each) => sum + each, 0));
    assert.ok(total / ofStudy.total < 0.715, `${variant}: ${total / ofStudy.total}`);
  }
  const light = bytesOf({ method: activationAwarePlus.name, variant: "light" });
  assert.deepEqual([light.masks, light.scales], [WEIGHTS / 8, vectors]);
});
