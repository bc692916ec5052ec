/** The GPU engine against the study's own code: logits, scales, perplexities, distillation. */

import assert from "node:assert/strict";
import { compress } from "../../lib/methods/compress.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { readDelta } from "../../lib/delta/delta_file.ts";
import { distill, distillationSettings } from "../methods/distill.ts";
import { openPair, oracleSequences } from "../methods/oracle_pair.ts";
import { recordingEngine } from "../methods/recording_engine.ts";
import { OraclePerplexity } from "../evaluation/oracle_perplexity.ts";
import { absoluteError, assertWithin, relativeError } from "../graph/closeness.ts";
import { layerwiseLogits, wholeModelLogits } from "../model/decoder_programs.ts";
import { assertOracleLogits, fixedTokens as tokens } from "../model/oracle_logits.ts";
import {
  openOracleCheckpoint,
  ORACLE_KINDS,
  ORACLE_PAIRS,
  oracleJson,
  oraclePath,
  oracleVectors,
} from "../oracle.ts";
import { gpuTest } from "./gpu.ts";
import { scalesOf } from "../delta/signs_of_layers.ts";

const LOGITS_BOUND = 5e-4;
const SCALE_BOUND = 1e-5;
const LOSS_BOUND = 1e-4;

const shape = { batch: 1, sequence: tokens.length };
const calibration = await oracleSequences("calib");
const distillation = await oracleSequences("distill");

for (const name of ORACLE_PAIRS) {
  for (const kind of ORACLE_KINDS) {
    gpuTest(`logits of pair ${name}, ${kind}, are the oracle's`, async (engine) => {
      using model = await openOracleCheckpoint(name, "fine", kind);
      // Layer by layer, bf16 weights stay bf16 on the device.
      const [layerwise] = await layerwiseLogits(model, shape, [{ tokens }], undefined, engine);
      await assertOracleLogits(layerwise, name, `fine_${kind}`, LOGITS_BOUND);
      const whole = await wholeModelLogits(model, shape, { tokens }, engine);
      assertWithin(absoluteError(layerwise, whole), 1e-5, "layer by layer and as one graph");
    });
  }

  gpuTest(`a compressed model of pair ${name} is its dense one`, async (engine) => {
    using pair = await openPair(name, "bf16");
    const model = await applyDelta(pair.base, pair.initial);
    const [packed] = await layerwiseLogits(model, shape, [{ tokens }], undefined, engine);
    const [dense] = await layerwiseLogits(model, shape, [{ tokens }]);
    assertWithin(absoluteError(packed, dense), 1e-4, "logits");
  });

  gpuTest(`activation-aware scales of pair ${name} are the oracle's`, async (engine) => {
    using pair = await openPair(name, "bf16");
    const { base, fine } = pair;
    const { pairs: { bf16: layers } } = await oracleVectors(name);
    const check = async (rows: number, variant: string, oracle: string) => {
      const choice = { method: "activation-aware", variant, settings: { rows } };
      const { delta } = await compress(engine, base, fine, choice, calibration);
      const found = await scalesOf(delta);
      const scales = Object.keys(layers).map((layer) => found.get(layer)!);
      const expected = Object.values(layers).map(({ aa }) => aa[rows][oracle]);
      assertWithin(relativeError(scales, expected), SCALE_BOUND, oracle);
    };
    await check(64, "study-faithful", "centred_withpad_f64");
    await check(512, "corrected", "uncentred_nopad_f64_masksign");
  });

  gpuTest(`perplexities of pair ${name} are the oracle's`, async (engine) => {
    using pair = await openPair(name, "f32");
    const { base, fine } = pair;
    const saved = await readDelta(oraclePath(name, "diff_orig_distilled.safetensors"));
    await using perplexity = await OraclePerplexity.open(name, "eval_64_32", base, engine);
    await perplexity.assertSame(fine, "fine");
    await perplexity.assertSame(await applyDelta(base, saved), "orig");
  });
}

const runs = {
  coeff_exact: { trained: "scales", gradient: "exact" },
  exact_all: { trained: "all", gradient: "exact" },
} as const;

/** Steps of the oracle's 20 that are taken: ONNX Runtime takes all. */
const STEPS = 6;

for (const name of ORACLE_PAIRS) {
  for (const [tag, variant] of Object.entries(runs)) {
    gpuTest(`distillation of pair ${name}, ${tag}, starts as the oracle's`, async (engine) => {
      using pair = await openPair(name, "f32");
      const { [tag]: expected } = await oracleJson<Record<string, OracleRun>>(name, "distill.json");
      const given = { ...variant, steps: 20, batch: 4 };
      const settings = distillationSettings("study-faithful", given);
      const recording = recordingEngine(engine);
      const controller = new AbortController();
      const enough = new Error("enough");
      const run = distill(pair, distillation, settings, {
        engine: recording.engine,
        signal: controller.signal,
        onProgress: ({ done }) => done === STEPS && controller.abort(enough),
      });
      await assert.rejects(run, enough);
      const losses = recording.runs.map(({ results }) => results.loss[0]);
      assertWithin(relativeError(losses, expected.loss.slice(0, STEPS)), LOSS_BOUND, "losses");
      const trained = expected.coeff_after_step["5"];
      // What the sixth step is fed.
      const scales = Object.keys(trained).map((scale) => recording.runs[5].feeds[scale][0]);
      assertWithin(relativeError(scales, Object.values(trained)), SCALE_BOUND, "scales");
    });
  }
}

/** What `distill.json` says of one run. */
interface OracleRun {
  readonly loss: number[];
  readonly coeff_after_step: Record<string, Record<string, number>>;
}
