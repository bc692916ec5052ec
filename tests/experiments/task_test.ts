import assert from "node:assert/strict";
import fc from "fast-check";
import { measurementId } from "../../lib/experiments/task.ts";
import { sha256 } from "../../lib/util/canonical.ts";
import { madeUpMeasurements } from "../studies/activation_aware_bitdelta/made_up_study.ts";

type Json = string | number | null | { [name: string]: Json };

/** Two of each kind, as plain JSON. */
const samples = ["compression", "evaluation", "timing"].flatMap((kind) =>
  madeUpMeasurements().filter((each) => each.kind === kind).slice(-2)
).map(({ kind, key }) => ({ kind, key: JSON.parse(JSON.stringify(key)) as Json }));

/** `value` with one leaf changed, for each of its leaves; with the path of that leaf. */
function variations(value: Json, path = ""): { path: string; value: Json }[] {
  if (typeof value === "number") return [{ path, value: value + 1 }];
  if (typeof value === "boolean") return [{ path, value: `${value}` }];
  if (typeof value === "string") return [{ path, value: value + "'" }];
  if (value === null) return [{ path, value: "null" }];
  return Object.entries(value).flatMap(([name, part]) =>
    variations(part, `${path}.${name}`).map((variation) => ({
      path: variation.path,
      value: { ...value, [name]: variation.value },
    }))
  );
}

Deno.test("what identifies a measurement is the start of a SHA-256 over JSON with sorted names", () => {
  const key = { windows: { window: 128, context: 256 }, delta: null };
  const json = '{"key":{"delta":null,"windows":{"context":256,"window":128}},"kind":"evaluation"}';
  assert.equal(measurementId("evaluation", key), sha256(json).slice(0, 32));
});

Deno.test("every field of a key makes another measurement, each in its own way", () => {
  for (const { kind, key } of samples) {
    const varied = variations(key);
    assert.ok(varied.length >= 8);
    const ids = new Set([measurementId(kind, key), measurementId(`${kind}'`, key)]);
    for (const { path, value } of varied) {
      const id = measurementId(kind, value);
      assert.ok(!ids.has(id), path);
      ids.add(id);
    }
  }
});

Deno.test("text that looks like JSON cannot be taken for a field", () => {
  const id = (engine: string, code: string) => measurementId("evaluation", { engine, code });
  fc.assert(fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (a, b, c, d) => {
    assert.equal(id(a, b) === id(c, d), a === c && b === d);
  }));
  assert.notEqual(id('cpu","x":"', ""), id("cpu", '","x":""'));
});
