/** Distillation against the study's own training loop: 20 steps of every kind it can do. */

import assert from "node:assert/strict";
import type { DistillationSettings } from "../../lib/methods/distilled.ts";
import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { loadDelta, type MemoryDelta } from "../../lib/delta/delta.ts";
import { OraclePerplexity } from "../evaluation/oracle_perplexity.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { ORACLE_PAIRS, oracleJson } from "../oracle.ts";
import { distill, distillationSettings } from "./distill.ts";
import { engine, openPair, oracleSequences } from "./oracle_pair.ts";
import { type RecordedRun, recordingEngine } from "./recording_engine.ts";
import { scalesOf } from "../delta/signs_of_layers.ts";

/** What `distill.json` says of one run. */
interface OracleRun {
  readonly info: { grad_coeff_step1: number[] };
  readonly coeff_order: string[];
  readonly loss: number[];
  readonly coeff_after_step: Record<string, Record<string, number>>;
  readonly other_params_change_rms: Record<string, number>;
}

const LOSS_BOUND = 1e-5;
const SCALE_BOUND = 1e-5;
const GRADIENT_BOUND = 1e-3;
const CHANGE_BOUND = 1e-3;

const RUNS: Record<string, Pick<DistillationSettings, "trained" | "gradient">> = {
  orig: { trained: "all", gradient: "detached" },
  exact_all: { trained: "all", gradient: "exact" },
  coeff_detached: { trained: "scales", gradient: "detached" },
  coeff_exact: { trained: "scales", gradient: "exact" },
};

const sequences = await oracleSequences("distill");

for (const name of ORACLE_PAIRS) {
  for (const [tag, variant] of Object.entries(RUNS)) {
    Deno.test(`distillation of pair ${name}, ${tag}, is the oracle's`, async () => {
      using pair = await openPair(name, "f32");
      const { base, fine, initial } = pair;
      const { [tag]: expected } = await oracleJson<Record<string, OracleRun>>(name, "distill.json");
      const given = { ...variant, steps: 20, batch: 4 };
      const settings = distillationSettings("study-faithful", given);
      const recording = recordingEngine(engine);
      const { delta, losses } = await distill(pair, sequences, settings, {
        engine: recording.engine,
      });
      assertWithin(relativeError(losses, expected.loss), LOSS_BOUND, "losses");
      assertScales(recording.runs, await scalesOf(delta), expected);
      assertFirstGradients(recording.runs[0], expected);
      assertWholeTensors(initial, await loadDelta(delta), expected.other_params_change_rms);
      await using perplexity = await OraclePerplexity.open(name, "eval_64_32", fine);
      await perplexity.assertSame(await applyDelta(base, delta), tag);
    });
  }
}

/** Scales after a step are what the next step is fed; after the last, what the delta holds. */
function assertScales(
  runs: RecordedRun[],
  last: ReadonlyMap<string, number>,
  expected: OracleRun,
): void {
  for (const [step, scales] of Object.entries(expected.coeff_after_step)) {
    const found = Object.keys(scales).map((scale) =>
      runs[Number(step)]?.feeds[scale][0] ?? last.get(scale.replace(".coeff", ""))!
    );
    const error = relativeError(found, Object.values(scales));
    assertWithin(error, SCALE_BOUND, `scales after step ${step}`);
  }
}

/** Each gradient relative to itself: they span three orders of magnitude. */
function assertFirstGradients({ results }: RecordedRun, expected: OracleRun): void {
  expected.coeff_order.forEach((scale, index) => {
    const error = relativeError(results[scale], [expected.info.grad_coeff_step1[index]]);
    assertWithin(error, GRADIENT_BOUND, `gradient of ${scale}`);
  });
}

/** Root mean square change of each tensor that is kept whole. */
function assertWholeTensors(
  before: MemoryDelta,
  after: MemoryDelta,
  expected: Record<string, number>,
): void {
  assert.deepEqual([...after.whole.keys()].sort(), Object.keys(expected).sort());
  for (const [name, rms] of Object.entries(expected)) {
    const [old, trained] = [before, after].map(({ whole }) => toFloat32(whole.get(name)!));
    const squares = trained.reduce((sum, each, at) => sum + (each - old[at]) ** 2, 0);
    const error = relativeError([Math.sqrt(squares / trained.length)], [rms]);
    assertWithin(error, CHANGE_BOUND, `change of ${name}`);
  }
}
