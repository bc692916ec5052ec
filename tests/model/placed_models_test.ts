/** Which models stay placed, and which make room for others. */

import assert from "node:assert/strict";
import { PlacedModels } from "../../lib/model/placed_models.ts";
import { modelTensors } from "../../lib/model/model_tensors.ts";
import { MemoryBudget } from "../../lib/graph/memory.ts";
import { withMemory } from "../graph/with_memory.ts";
import { engine } from "../methods/oracle_pair.ts";
import { randomModel, tinyConfig } from "./random_model.ts";

const given = [1, 2, 3].map((seed) => randomModel(tinyConfig, seed));
const { byteLength } = modelTensors(given[0], engine);

/** Models on an engine that has room for `count` of them, a quarter left free. */
function placedModels(count: number) {
  const bytes = Math.ceil(byteLength * count * 4 / 3) + 8;
  const memory = new MemoryBudget(bytes, { widens: true });
  return { models: new PlacedModels({ ...withMemory(engine, bytes), memory }), memory };
}

Deno.test("a model stays while there is room, and the one used longest ago makes room", () => {
  const { models: placed } = placedModels(2);
  using models = placed;
  const [first, second] = given.slice(0, 2).map((each) => models.of(each));
  assert.ok(first.resident && second.resident);
  assert.equal(models.of(given[0]), first);
  const third = models.of(given[2]);
  assert.ok(third.resident);
  assert.equal(models.of(given[0]), first, "used after the second");
  assert.notEqual(models.of(given[1]), second);
});

Deno.test("what is said of memory is said of models as they run, not of one that room was made for", () => {
  const { models: placed, memory } = placedModels(1);
  using models = placed;
  for (const each of given) assert.ok(models.of(each).resident);
  // Each has all of the room there is, and none is said to be read for each run.
  assert.deepEqual(
    [...memory.exceptions],
    given.map(({ name }) => `${name} stays as it is stored`),
  );
});

Deno.test("a model that is filled, or lies beside another, takes no other's room", async () => {
  const { models: placed } = placedModels(1);
  using models = placed;
  const first = models.of(given[0]);
  await models.fill(given[1]);
  using other = models.beside(given[1]);
  assert.equal(other.placed.resident, false);
  using itself = models.beside(given[0]);
  assert.equal(itself.placed, first);
  assert.equal(models.of(given[0]), first);
});

Deno.test("a model that never fits is the same one as long as no other is asked for", () => {
  const { models: placed } = placedModels(0);
  using models = placed;
  const first = models.of(given[0]);
  assert.equal(first.resident, false);
  assert.equal(models.of(given[0]), first);
});
