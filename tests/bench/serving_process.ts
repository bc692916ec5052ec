/** A base and tenants in a process of their own: prints the bytes that it holds before and after they are loaded. */

import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { openDelta } from "../../lib/delta/delta_file.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { TenantModel } from "../../lib/model/serving/tenant_model.ts";
import type { ServingMemory } from "./serving.ts";

const [base, path, tenants] = JSON.parse(Deno.args[0]) as [string, string, number];
using checkpoint = await Checkpoint.open(base);
const sizes = { longest: 64, mostRows: tenants, cacheTokens: 64 * tenants };
await using model = await TenantModel.open(onnxEngine(), checkpoint, sizes);
const step = async (names: readonly (string | null)[]) => {
  const next = names.map((name) => ({ sequence: model.start(name, 8), token: 1 }));
  for (const { sequence } of next) await model.prefill(sequence, Int32Array.of(1, 2, 3));
  await model.decode(next);
  for (const { sequence } of next) sequence.release();
};
await step([null]);
const held = Deno.memoryUsage().rss;
const names = Array.from({ length: tenants }, (_, index) => `tenant ${index + 1}`);
for (const name of names) {
  using delta = await openDelta(path);
  await model.load(name, delta);
}
await step(names);
const memory: ServingMemory = {
  base: held,
  served: Deno.memoryUsage().rss,
  delta: (await Deno.stat(path)).size,
};
console.log(JSON.stringify(memory));
// Workers are left as they are: the process ends here.
Deno.exit(0);
