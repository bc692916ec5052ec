import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputError } from "../../lib/util/errors.ts";
import type { Measurement } from "../../lib/experiments/measurement.ts";
import { MeasurementError, MeasurementStore } from "../../lib/experiments/measurement_store.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { madeUpMeasurements } from "../studies/activation_aware_bitdelta/made_up_study.ts";

const measurements = madeUpMeasurements();
const [first] = measurements;
const json = JSON.stringify(first);

Deno.test("measurements come back as they were put, and leave one file each", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(join(folder.path, "not", "yet"));
  for (const measurement of measurements) await store.put(measurement);
  for (const measurement of measurements) {
    assert.deepEqual(await store.get(measurement.key), measurement);
  }
  const names = measurements.map(({ key }) => `${key}.json`).sort();
  assert.deepEqual(filesIn(store.directory), names);
});

Deno.test("a store opened anew has what another put there", async () => {
  await using folder = await temporaryFolder();
  await new MeasurementStore(folder.path).put(first);
  assert.deepEqual(await new MeasurementStore(folder.path).get(first.key), first);
});

Deno.test("what was never put is not there, be there a folder or not", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(folder.path);
  assert.equal(await store.get(first.key), undefined);
  assert.equal(await new MeasurementStore(join(folder.path, "none")).get(first.key), undefined);
});

Deno.test("a file that a killed run left half-written is never read", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(folder.path);
  for (const content of [json, json.slice(0, 40)]) {
    await Deno.writeTextFile(join(folder.path, `${first.key}.json.0badf00d.part`), content);
    assert.equal(await store.get(first.key), undefined);
  }
});

const corruptions: readonly [string, string][] = [
  ["empty", ""],
  ["cut short", json.slice(0, json.length / 2)],
  ["no measurement", "{}"],
  ["a list", `[${json}]`],
  ["of an unknown kind", json.replace(/"kind":"wall clock"/, '"kind":"guess"')],
  ["without a result", json.replace(/"result"/, '"outcome"')],
  ["of another key", JSON.stringify(measurements[1])],
];

for (const [what, content] of corruptions) {
  Deno.test(`a stored measurement that is ${what} is refused by name`, async () => {
    await using folder = await temporaryFolder();
    const store = new MeasurementStore(folder.path);
    assert.notEqual(content, json);
    const file = join(folder.path, `${first.key}.json`);
    await Deno.writeTextFile(file, content);
    await assert.rejects(store.get(first.key), (error) => {
      assert.ok(error instanceof MeasurementError);
      assert.equal(error.fault.file, file);
      assert.match(error.message, /is not a measurement.*delete it to measure again$/);
      return true;
    });
  });
}

/** One of each kind, by its name. */
const ofEachKind = new Map(measurements.map((each) => [each.task.kind, each]));

for (const [kind, measurement] of ofEachKind) {
  Deno.test(`one flipped bit in a stored ${kind} is refused, in each of its bytes`, async () => {
    await using folder = await temporaryFolder();
    const store = new MeasurementStore(folder.path);
    await store.put(measurement);
    const file = join(folder.path, `${measurement.key}.json`);
    const bytes = await Deno.readFile(file);
    for (let byte = 0; byte < bytes.length; byte++) {
      const bit = 1 << (5 * byte & 7);
      bytes[byte] ^= bit;
      await Deno.writeFile(file, bytes);
      await assert.rejects(store.get(measurement.key), MeasurementError, `byte ${byte}, ${bit}`);
      bytes[byte] ^= bit;
    }
    await Deno.writeFile(file, bytes);
    assert.deepEqual(await store.get(measurement.key), measurement);
  });

  Deno.test(`a ${kind} of another task is refused, though its digest is right`, async () => {
    await using folder = await temporaryFolder();
    const store = new MeasurementStore(folder.path);
    const others = [
      { ...measurement, task: { ...measurement.task, pair: "another" } },
      { ...measurement, circumstances: { ...measurement.circumstances, codeHash: "another" } },
    ];
    for (const other of others) {
      await store.put(other as Measurement);
      await assert.rejects(store.get(measurement.key), (error) => {
        assert.ok(error instanceof MeasurementError);
        return error.fault.option === "task";
      });
    }
  });

  Deno.test(`a ${kind} with a field less or more is refused, though its digest is right`, async () => {
    await using folder = await temporaryFolder();
    const store = new MeasurementStore(folder.path);
    const plain = JSON.parse(JSON.stringify(measurement));
    for (const change of changes(plain)) {
      await store.put({ ...change, key: measurement.key });
      await assert.rejects(store.get(measurement.key), MeasurementError);
    }
  });
}

/** Each field of the result taken away, and made a text; a field more at each level. */
function changes(measurement: Measurement): Measurement[] {
  const { result } = measurement;
  const results = Object.keys(result).flatMap((name) => {
    const { [name as keyof typeof result]: _, ...rest } = result;
    return [rest, { ...result, [name]: { as: "an object" } }];
  });
  return [
    ...[...results, { ...result, more: 1 }].map((result) => ({ ...measurement, result })),
    { ...measurement, more: 1 },
    { ...measurement, task: { ...measurement.task, more: 1 } },
  ] as unknown as Measurement[];
}

Deno.test("a measurement from before there were digests is refused, with what to do", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(join(folder.path, `${first.key}.json`), json);
  await assert.rejects(
    new MeasurementStore(folder.path).get(first.key),
    /option 'digest'.*got 'nothing'.*delete it to measure again$/,
  );
});

Deno.test("a stored measurement that is a folder is said to be one", async () => {
  await using folder = await temporaryFolder();
  await Deno.mkdir(join(folder.path, `${first.key}.json`));
  await assert.rejects(new MeasurementStore(folder.path).get(first.key), (error) => {
    assert.ok(error instanceof MeasurementError);
    return /cannot be read: got 'it is a folder'/.test(error.message);
  });
});

for (const value of [NaN, Infinity]) {
  Deno.test(`a measurement of ${value} is refused: JSON would make it null`, async () => {
    await using folder = await temporaryFolder();
    const scored = measurements.find(({ task }) => task.kind === "evaluation")!;
    const diverged = { ...scored, result: { ...scored.result, kl: value } } as Measurement;
    await assert.rejects(new MeasurementStore(folder.path).put(diverged), (error) => {
      assert.ok(error instanceof MeasurementError);
      assert.match(error.message, new RegExp(`'kl' of a → b, base, is not finite: got '${value}'`));
      return true;
    });
    assert.deepEqual(filesIn(folder.path), []);
  });
}

Deno.test("deltas lie beside their measurements, under the same key", () => {
  const store = new MeasurementStore("somewhere");
  assert.equal(store.deltaPath("abc"), join("somewhere", "abc.safetensors"));
});

Deno.test("a store that cannot be written says so and names the file", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "file");
  await Deno.writeTextFile(path, "not a folder");
  await assert.rejects(new MeasurementStore(path).put(first), (error) => {
    assert.ok(error instanceof OutputError);
    assert.equal(error.fault.file, join(path, `${first.key}.json`));
    return true;
  });
});
