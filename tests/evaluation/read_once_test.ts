/** An evaluation reads each weight once: for the check of the delta, for the scores and for the record. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { applyDelta, checkMadeFor, checkMadeFrom } from "../../lib/delta/apply.ts";
import { Evaluator } from "../../lib/evaluation/evaluator.ts";
import { PlacedModels } from "../../lib/model/placed_models.ts";
import { assertReadOnce, dataReads } from "../checkpoint/data_reads.ts";
import { TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { withMemory } from "../graph/with_memory.ts";
import { engine } from "../methods/oracle_pair.ts";
import { tinyPair } from "../methods/tiny_pair.ts";
import { randomTokens } from "../model/random_model.ts";
import { textOfTokens } from "./oracle_perplexity.ts";

const PROTOCOLS = [{ context: 8, window: 4 }, { context: 0, window: 6 }];
const text = textOfTokens("random", [...randomTokens(TINY_CONFIG, 40, 4)]);

Deno.test("each weight of a base with a delta, and of its reference, is read once, hashes included", async () => {
  await using pair = await tinyPair();
  const { initial } = pair;
  const reads = await dataReads(async () => {
    using base = await Checkpoint.open(pair.base.directory);
    using fine = await Checkpoint.open(pair.fine.directory);
    const model = await applyDelta(base, initial);
    using models = new PlacedModels(engine);
    for (const each of [fine, model]) await models.fill(each);
    await checkMadeFor(initial, base);
    await checkMadeFrom(initial, fine);
    for (const protocol of PROTOCOLS) {
      const evaluator = new Evaluator(engine, base.config, protocol, models);
      await evaluator.score(model, text, await evaluator.reference(fine, text));
      await evaluator.release();
    }
    assert.equal(await base.hash(), initial.metadata.baseHash);
  });
  for (const { directory } of [pair.base, pair.fine]) {
    await assertReadOnce(join(directory, "model.safetensors"), reads);
  }
});

Deno.test("of a model that does not stay nothing is read before it is asked for", async () => {
  await using pair = await tinyPair();
  using models = new PlacedModels(withMemory(engine, 0));
  using fine = await Checkpoint.open(pair.fine.directory);
  const reads = await dataReads(() => models.fill(fine));
  assert.deepEqual([...reads.values()], []);
});

Deno.test("placing a model ahead stops when it is told to, and tells how far it is", async () => {
  await using pair = await tinyPair();
  using models = new PlacedModels(engine);
  const reason = new Error("enough");
  await assert.rejects(models.fill(pair.fine, { signal: AbortSignal.abort(reason) }), reason);
  const reports: number[] = [];
  await models.fill(pair.fine, { onProgress: ({ done }) => reports.push(done) });
  assert.deepEqual(reports.at(-1), TINY_CONFIG.layerCount);
});
