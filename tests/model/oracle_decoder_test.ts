/** The decoder against Hugging Face's own modules, by the oracle's numbers. */

import assert from "node:assert/strict";
import type { Placed } from "../../lib/graph/engine.ts";
import {
  openOracleCheckpoint,
  openOracleVectors,
  ORACLE_KINDS,
  ORACLE_PAIRS,
  oracleJson,
} from "../oracle.ts";
import { absoluteError, assertWithin, relativeError } from "../graph/closeness.ts";
import { engine, layerwiseLogits, wholeModelLogits } from "./decoder_programs.ts";
import { assertOracleLogits, fixedTokens as tokens, readTensor } from "./oracle_logits.ts";

const { calib_input_ids, calib_attention_mask } = await oracleJson<{
  calib_input_ids: number[][];
  calib_attention_mask: number[][];
}>("ids.json");
const shape = { batch: 1, sequence: tokens.length };

for (const pair of ORACLE_PAIRS) {
  for (const role of ["base", "fine"] as const) {
    for (const kind of ORACLE_KINDS) {
      Deno.test(`logits of pair ${pair}, ${role}, ${kind} are the oracle's`, async () => {
        using model = await openOracleCheckpoint(pair, role, kind);
        const whole = await wholeModelLogits(model, shape, { tokens });
        const [layerwise] = await layerwiseLogits(model, shape, [{ tokens }]);
        assertWithin(absoluteError(layerwise, whole), 1e-5, "layer by layer and as one graph");
        await assertOracleLogits(whole, pair, `${role}_${kind}`);
      });
    }
  }
}

for (const pair of ORACLE_PAIRS) {
  Deno.test(`inputs of the linear layers of pair ${pair} are the oracle's`, async () => {
    using fine = await openOracleCheckpoint(pair, "fine", "f32");
    const seen = new Map<string, Float32Array>();
    const keep = async (layers: string[], _batch: number, inputs: Placed) => {
      const [read] = await engine.read([inputs]);
      for (const layer of layers) seen.set(layer, read as Float32Array);
    };
    const batch = {
      tokens: Int32Array.from(calib_input_ids[0]),
      attentionMask: Int32Array.from(calib_attention_mask[0]),
    };
    await layerwiseLogits(fine, { batch: 1, sequence: batch.tokens.length }, [batch], keep);

    using vectors = await openOracleVectors(pair);
    const names = [...vectors.tensors.keys()].filter((name) => name.startsWith("act.f32."));
    assert.ok(names.length > 0);
    for (const name of names) {
      const layer = name.replace("act.f32.", "").replace(".rows128", "");
      const expected = await readTensor(vectors, name);
      assertWithin(relativeError(seen.get(layer)!, expected), 1e-5, name);
    }
  });
}
