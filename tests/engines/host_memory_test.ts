/** The CPU engine's share of this machine's memory, and what results say of it. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { hostMemory } from "../../lib/engines/host_memory.ts";

Deno.test("without a word of it, half of what is free may be used, which nothing says", () => {
  const { bytes, note } = hostMemory();
  const { total } = Deno.systemMemoryInfo();
  assert.ok(bytes > 0 && bytes <= total / 2, `${bytes}`);
  assert.equal(note, null);
  assert.deepEqual(onnxEngine({ threads: 1 }).details.facts, { threads: 1 });
});

Deno.test("two fifths of what is asked for are the budget of the engine, and what was asked for stands in its details", () => {
  const { memory, details } = onnxEngine({ threads: 1, memory: 3.2e9 });
  assert.equal(memory.bytes, 0.4 * 3.2e9);
  assert.equal(details.facts.memory, "3.2 GB asked for");
  assert.equal(onnxEngine({ threads: 1, memory: 32e6 }).memory.atOnce, 1e6);
});

Deno.test("models that do not stay as floats stand in the engine's details", () => {
  const engine = onnxEngine({ threads: 1 });
  engine.memory.exceptions.add("model stays as it is stored");
  assert.deepEqual(engine.details.facts.weights, ["model stays as it is stored"]);
});

Deno.test("where the system may not be asked, a number is taken for given, and said", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-read",
      "--allow-ffi=node_modules",
      fileURLToPath(new URL("open_engine.ts", import.meta.url)),
      "cpu",
    ],
  }).output();
  const { facts } = JSON.parse(new TextDecoder().decode(stdout));
  assert.match(facts.memory, /^8.59 GB assumed, as --allow-sys=systemMemoryInfo is not given$/);
});
