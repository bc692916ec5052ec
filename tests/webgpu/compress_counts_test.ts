/** What a calibration sends to a device and waits for: each weight once, and twice a decoder layer. */

import assert from "node:assert/strict";
import { byteCount } from "../../lib/checkpoint/tensor.ts";
import { linearLayerNames, weightBytes } from "../../lib/checkpoint/weights.ts";
import { openWebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { Pair } from "../../lib/experiments/pair.ts";
import { compress } from "../../lib/methods/compress.ts";
import { calibrationSequences } from "../../lib/texts/sequences.ts";
import { embeddedTexts } from "../../lib/texts/study_texts.ts";
import { projectPath } from "../../lib/util/project.ts";
import { gpuTest } from "./gpu.ts";

gpuTest(
  "a calibration uploads each weight once and waits twice at most for each decoder layer",
  async () => {
    using engine = await openWebGpuEngine();
    await using pair = await Pair.open(
      projectPath("data/checkpoints/llama-base"),
      projectPath("data/checkpoints/llama-assistant"),
      { engine },
    );
    const { base, fine } = pair;
    const texts = (await embeddedTexts.calibration(1)).slice(0, 8);
    const sequences = await calibrationSequences(texts, await fine.tokenizer());
    const choice = { method: "activation-aware", settings: { rows: 128 } };
    const run = () => compress(engine, base, fine, choice, sequences);
    // Compiles.
    await run();
    const before = { ...engine.device.counts };
    await run();
    const { waits, uploadedBytes } = engine.device.counts;
    // Seven layers are read together, but what is read as soon as it is there is waited for apart.
    assert.ok(waits - before.waits <= 2 * fine.config.layerCount, `${waits - before.waits} waits`);
    const ofBase = linearLayerNames(base.config)
      .reduce((sum, layer) => sum + byteCount(base.info(`${layer}.weight`)), 0);
    const weights = weightBytes(fine) + ofBase;
    const uploaded = uploadedBytes - before.uploadedBytes;
    assert.ok(uploaded <= 1.01 * weights, `${uploaded} bytes of ${weights}`);
  },
);
