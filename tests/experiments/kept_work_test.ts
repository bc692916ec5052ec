/** Work on a large pair that is stopped within a task, and goes on to what an uninterrupted one measures. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { BenchTexts } from "../../lib/experiments/bench_texts.ts";
import { measureCompression } from "../../lib/experiments/compression.ts";
import { OpenPair } from "../../lib/experiments/open_pair.ts";
import type { CompressedModel } from "../../lib/experiments/scored_model.ts";
import type { Progress, Watch } from "../../lib/util/progress.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { tokenizedPair } from "../scripts/tokenized_pair.ts";
import { engine, smallTexts } from "./small_study.ts";

const texts = () =>
  new BenchTexts({
    texts: smallTexts,
    windows: { context: 16, window: 8 },
    evaluationCharacters: null,
  });
const circumstances = { machine: "this", engine: engine.name };
const models: CompressedModel[] = [
  { method: "activation-aware", variant: "corrected", settings: { rows: 40 }, seed: 1 },
  { method: "distilled", variant: "corrected", settings: { steps: 4, batch: 1 }, seed: 1 },
];

/** Runs something that is stopped after so many of its own units, and checks that it was. */
async function stopped(
  action: (watch: Watch) => Promise<unknown>,
  isEnough: (report: Progress) => boolean,
): Promise<void> {
  const controller = new AbortController();
  const reason = new Error("enough");
  const onProgress = (report: Progress) => isEnough(report) && controller.abort(reason);
  await assert.rejects(action({ onProgress, signal: controller.signal }), reason);
}

Deno.test("compressions and evaluations that are stopped go on, to the same digests and numbers", async () => {
  await using files = await tokenizedPair();
  await using folder = await temporaryFolder();
  const spec = { name: "pair", base: files.base, fine: files.fine, domains: ["code" as const] };
  await using pair = await OpenPair.open(spec, engine, texts());
  const state = join(folder.path, "id.state");
  for (const model of models) {
    const [path, whole] = ["id.safetensors", "whole"].map((name) => join(folder.path, name));
    const expected = await measureCompression(pair, model, circumstances, whole, {});
    const compress = (watch: Watch) =>
      measureCompression(pair, model, circumstances, path, watch, state);
    await stopped(
      compress,
      ({ done, label }) =>
        model.method === "distilled" ? label.startsWith("loss") && done === 2 : done === 9,
    );
    assert.ok(filesIn(folder.path).includes("id.state"), "what is unfinished is kept");
    const resumed: number[] = [];
    const onProgress = (report: Progress) => void resumed.push(report.resumed ?? 0);
    const { cost, ...made } = await compress({ onProgress });
    const { cost: atOnce, ...once } = expected;
    assert.deepEqual(made, once);
    assert.equal(resumed.at(-1), model.method === "distilled" ? 2 : 9);
    assert.ok(cost.seconds > 0 && atOnce.seconds > 0);
    assert.deepEqual(filesIn(folder.path), ["id.safetensors", "whole"]);

    const kept = { path, digest: made.deltaDigest };
    await using again = await OpenPair.open(spec, engine, texts());
    await stopped((watch) => again.score(kept, "code", watch, state), ({ done }) => done === 2);
    await using last = await OpenPair.open(spec, engine, texts());
    assert.deepEqual(
      await last.score(kept, "code", {}, state),
      await pair.score(kept, "code", {}),
    );
    assert.deepEqual(filesIn(folder.path), ["id.safetensors", "whole"]);
  }
});
