/** The study of serving: its bytes against the files that they come from, its figures against their rows. */

import assert from "node:assert/strict";
import {
  batchFigure,
  Checkpoint,
  compress,
  measureServing,
  onnxEngine,
  openDelta,
  OptionError,
  projectPath,
  publishedServing,
  tenantsFigure,
  writeDelta,
} from "../../../lib/mod.ts";

const base = projectPath("data/checkpoints/llama-base");
const fine = projectPath("data/checkpoints/llama-code");

/** Bytes of tensors in a file of safetensors: all but its header. */
async function tensorBytes(path: string): Promise<number> {
  const bytes = await Deno.readFile(path);
  return bytes.length - 8 - Number(new DataView(bytes.buffer).getBigUint64(0, true));
}

Deno.test("each way holds what its files hold: models, one model, a base and deltas", async () => {
  const engine = onnxEngine({ threads: 1 });
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/delta.safetensors`;
    {
      using from = await Checkpoint.open(base);
      using to = await Checkpoint.open(fine);
      await writeDelta(path, (await compress(engine, from, to, { method: "initial" }, null)).delta);
    }
    const opened = { base, fine, openDelta: () => openDelta(path) };
    const choice = { engine, ...opened, counts: [1, 3], mostFull: 3, steps: 2, prompt: 4 };
    const rows = await measureServing(choice);
    const model = await tensorBytes(`${fine}/model.safetensors`);
    const delta = await tensorBytes(path);
    const bytesOf = (way: string) =>
      rows.filter((row) => row.way === way).map(({ bytes }) => bytes);
    assert.deepEqual(bytesOf("a full model each"), [model, 3 * model]);
    assert.deepEqual(bytesOf("full models in turn"), [model, model]);
    // A tenant's norms and scales lie widened: a few hundred numbers.
    for (const [index, held] of bytesOf("base and deltas").entries()) {
      const stored = await tensorBytes(`${base}/model.safetensors`) + [1, 3][index] * delta;
      assert.ok(Math.abs(held / stored - 1) < 0.02, `${held} of ${stored}`);
    }
    assert.ok(rows.every(({ milliseconds }) => milliseconds > 0));

    const { data } = tenantsFigure(rows, "a model");
    const ys = data.flatMap(({ y }) => y as number[]);
    for (const { bytes, milliseconds } of rows) {
      assert.ok(ys.some((each) => Math.abs(each - bytes / 1e6) < 1e-9));
      assert.ok(ys.some((each) => Math.abs(each - milliseconds) < 1e-9));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("counts that do not rise are refused by what they are", async () => {
  const choice = { engine: onnxEngine({ threads: 1 }), base, fine, mostFull: 1 };
  const openNone = () => Promise.reject(new Error("nothing is opened"));
  for (const counts of [[], [0], [2, 2], [1.5]]) {
    await assert.rejects(measureServing({ ...choice, openDelta: openNone, counts }), OptionError);
  }
});

Deno.test("what was published is drawn as it was published", async () => {
  const published = await publishedServing();
  const { data } = batchFigure([{ rows: 1, milliseconds: 3 }], published, "a model");
  const drawn = data.map(({ name, y }) => [name, ...y as number[]]);
  assert.deepEqual(drawn, [
    ["base and delta", 3],
    ["a dense product each (published)", 0.45, 2.2, 4.5, 7.2],
    ["base and signs (published)", 0.37, 1, 1.8, 2.8],
  ]);
});
