/** Requests of an embedded model and its tenants, together and alone. */

import assert from "node:assert/strict";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { TenantModel } from "../../lib/model/serving/tenant_model.ts";
import type { TenantSource } from "../../lib/server/tenant_directory.ts";
import { projectPath } from "../../lib/util/project.ts";
import { extractDelta } from "../methods/extract.ts";
import { soak } from "./soak.ts";

Deno.test("requests of an embedded model's tenants: each answer is that of the request alone", async () => {
  using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
  const sources = new Map<string, TenantSource>();
  for (const name of ["assistant", "code"]) {
    using fine = await Checkpoint.open(projectPath(`data/checkpoints/llama-${name}`));
    const delta = Object.assign(await extractDelta(base, fine), { [Symbol.dispose]() {} });
    sources.set(name, { open: () => Promise.resolve(delta) });
  }
  const sizes = { longest: 64, chunk: 16, mostRows: 4, cacheTokens: 400 };
  await using host = await TenantModel.open(onnxEngine({ threads: 1 }), base, sizes);
  const { decoder } = await base.tokenizer();
  const report = await soak({
    ...{ host, sources, decoder, mostTenants: 1, requests: 32, seed: 1 },
    ...{ longestPrompt: 40, longestAnswer: 10 },
  });
  assert.ok(report.finished > 20 && report.givenUp > 0 && report.loads > 4);
  assert.ok(report.tokens > 100);
});
