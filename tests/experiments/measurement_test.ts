import assert from "node:assert/strict";
import fc from "fast-check";
import { measurementKey, sha256 } from "../../lib/experiments/measurement.ts";
import { planTasks } from "../../lib/studies/activation_aware_bitdelta/plan.ts";
import { embeddedProtocol } from "../../lib/studies/activation_aware_bitdelta/protocol.ts";
import { madeUpMeasurements } from "../studies/activation_aware_bitdelta/made_up_study.ts";

type Json = string | number | null | { [name: string]: Json };

/** The key of anything that looks like a task and its circumstances. */
const keyOf = ({ task, circumstances }: Record<string, Json>) =>
  measurementKey(
    task as unknown as Parameters<typeof measurementKey>[0],
    circumstances as unknown as Parameters<typeof measurementKey>[1],
  );

/** Each of a kind, as plain JSON. */
const samples = ["calibration", "evaluation", "wall clock"].flatMap((kind) =>
  madeUpMeasurements().filter(({ task }) => task.kind === kind).slice(-2)
).map(({ task, circumstances }) =>
  JSON.parse(JSON.stringify({ task, circumstances })) as Record<string, Json>
);

/** `value` with one leaf changed, for each of its leaves; with the path of that leaf. */
function variations(value: Json, path = ""): { path: string; value: Json }[] {
  if (typeof value === "number") return [{ path, value: value + 1 }];
  if (typeof value === "string") return [{ path, value: value + "'" }];
  if (value === null) return [{ path, value: "null" }];
  return Object.entries(value).flatMap(([name, part]) =>
    variations(part, `${path}.${name}`).map((variation) => ({
      path: variation.path,
      value: { ...value, [name]: variation.value },
    }))
  );
}

/** The same with the names of every object in reverse order. */
function reversed(value: Json): Json {
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).reverse().map(([name, part]) => [name, reversed(part)]),
  );
}

Deno.test("a key is the start of a SHA-256 over JSON with sorted names", () => {
  const task = {
    kind: "evaluation",
    pair: "a → b",
    method: { kind: "base" },
    domain: "code",
  } as const;
  const circumstances = {
    windows: { window: 128, context: 256 },
    baseHash: "1",
    fineHash: "2",
    tokenizerHash: "3",
    scoredHash: "4",
    calibrationHash: null,
    engine: "cpu",
    codeHash: "5",
  };
  const json = '{"circumstances":{"baseHash":"1","calibrationHash":null,"codeHash":"5",' +
    '"engine":"cpu","fineHash":"2","scoredHash":"4","tokenizerHash":"3",' +
    '"windows":{"context":256,"window":128}},' +
    '"task":{"domain":"code","kind":"evaluation","method":{"kind":"base"},"pair":"a → b"}}';
  assert.equal(measurementKey(task, circumstances), sha256(json).slice(0, 32));
});

Deno.test("SHA-256 is that of the standard's example", () => {
  // FIPS 180-2, appendix B.1.
  const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(sha256("abc"), digest);
});

Deno.test("the order of names does not change a key", () => {
  for (const sample of samples) {
    assert.equal(keyOf(reversed(sample) as Record<string, Json>), keyOf(sample));
  }
});

Deno.test("every field of task and circumstances changes the key, each in its own way", () => {
  for (const sample of samples) {
    const varied = variations(sample);
    assert.ok(varied.length >= 12);
    const keys = new Set([keyOf(sample)]);
    for (const { path, value } of varied) {
      const key = keyOf(value as Record<string, Json>);
      assert.ok(!keys.has(key), path);
      keys.add(key);
    }
  }
});

Deno.test("text that looks like JSON cannot be taken for a field", () => {
  const [sample] = samples;
  const withEngine = (engine: string, codeHash: string) =>
    keyOf({ ...sample, circumstances: { ...sample.circumstances as object, engine, codeHash } });
  fc.assert(fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (a, b, c, d) => {
    assert.equal(withEngine(a, b) === withEngine(c, d), a === c && b === d);
  }));
  assert.notEqual(withEngine('cpu","x":"', ""), withEngine("cpu", '","x":""'));
});

Deno.test("all tasks of a study have keys of their own", () => {
  const [{ circumstances }] = madeUpMeasurements();
  const tasks = planTasks(embeddedProtocol);
  const keys = tasks.map((task) => measurementKey(task, circumstances));
  assert.equal(new Set(keys).size, tasks.length);
  assert.ok(keys.every((key) => /^[0-9a-f]{32}$/.test(key)));
});
