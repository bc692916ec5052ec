/** A whole study on the GPU gives the tables that it gives on the CPU. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { DeviceError } from "../../lib/util/errors.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { MeasurementStore } from "../../lib/experiments/measurement_store.ts";
import {
  gatherResults,
  type QualityResult,
} from "../../lib/studies/activation_aware_bitdelta/results.ts";
import { runStudy } from "../../lib/studies/activation_aware_bitdelta/run.ts";
import { openWebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { tokenizedPair } from "../scripts/tokenized_pair.ts";
import { smallStudy } from "../experiments/small_study.ts";
import { gpuTest } from "./gpu.ts";

/** Three significant digits. */
const DIGITS = 5e-4;

const numbers = (
  { perplexity, kl, bitsPerByte }: QualityResult,
) => [perplexity.value, perplexity.low, perplexity.high, kl, bitsPerByte];

gpuTest("a study has the same tables on the GPU as on the CPU", async (gpu) => {
  await using pair = await tokenizedPair();
  const study = smallStudy(pair.folder);
  const on = async (engine: Engine) => {
    const store = new MeasurementStore(join(pair.folder, engine.details.device));
    const { measurements } = await runStudy({ ...study, engine, store });
    assert.ok(measurements.every(({ device }) => device.device === engine.details.device));
    return gatherResults(measurements, study.protocol.bootstrapSeed).quality;
  };
  const [cpu, webgpu] = [await on(study.engine), await on(gpu)];
  assert.ok(cpu.length > 4);
  assert.equal(webgpu.length, cpu.length);
  for (const [index, row] of cpu.entries()) {
    const { method, variant, calibrationSize } = row;
    const label = [method, variant, calibrationSize].join(" ");
    assertWithin(relativeError(numbers(webgpu[index]), numbers(row)), DIGITS, label);
    assert.equal(webgpu[index].agreement, row.agreement, label);
  }
});

gpuTest("a study that loses its device says so, and the next goes on from there", async (gpu) => {
  await using pair = await tokenizedPair();
  const study = smallStudy(pair.folder);
  const doomed = await openWebGpuEngine();
  const onProgress = ({ done }: { done: number }) => {
    if (done === 3) doomed.device.gpu.destroy();
  };
  await assert.rejects(runStudy({ ...study, engine: doomed, onProgress }), (error) => {
    assert.ok(error instanceof DeviceError, String(error));
    assert.match(error.message, /is lost.*the study goes on from what was stored/);
    return true;
  });
  const { measurements, made } = await runStudy({ ...study, engine: gpu });
  assert.equal(made, measurements.length - 3);
});
