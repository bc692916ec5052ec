import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputError } from "../../lib/util/errors.ts";
import {
  type CompressionKey,
  compressionKind,
  evaluationKind,
  timingKind,
} from "../../lib/experiments/measurement_schema.ts";
import { MeasurementError, MeasurementStore } from "../../lib/experiments/measurement_store.ts";
import { type Kind, type Measurement, measurementId } from "../../lib/experiments/task.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { madeUpMeasurements } from "../studies/activation_aware_bitdelta/made_up_study.ts";

const measurements = madeUpMeasurements().map(({ task: _, ...measurement }): Measurement =>
  measurement
);
// A measurement of a kind whose measurements have no file beside.
const first = measurements.find(({ kind }) => kind === timingKind.name)!;
const json = JSON.stringify(first);
const kinds = new Map<string, Kind<unknown, unknown>>(
  [compressionKind, evaluationKind, timingKind].map((kind) => [kind.name, kind]),
);
const kindOf = ({ kind }: Measurement) => kinds.get(kind)!;

const put = (store: MeasurementStore, measurement: Measurement) =>
  store.put(measurement, "a → b: base");
const get = (store: MeasurementStore, measurement: Measurement) =>
  store.get(kindOf(measurement), measurement.key);

/** Puts a measurement, and the file beside it where its kind has one. */
async function putWhole(store: MeasurementStore, measurement: Measurement): Promise<void> {
  await put(store, measurement);
  const beside = store.filePath(kindOf(measurement), measurement.id);
  if (beside !== "") await Deno.writeTextFile(beside, "");
}

Deno.test("measurements come back as they were put, and leave one file each", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(join(folder.path, "not", "yet"));
  for (const measurement of measurements) await putWhole(store, measurement);
  for (const measurement of measurements) {
    assert.deepEqual(await get(store, measurement), measurement);
  }
  const names = new Set(measurements.map(({ id }) => `${id}.json`));
  assert.deepEqual(
    filesIn(store.directory).filter((name) => name.endsWith(".json")),
    [
      ...names,
    ].sort(),
  );
});

Deno.test("a store opened anew has what another put there", async () => {
  await using folder = await temporaryFolder();
  await put(new MeasurementStore(folder.path), first);
  assert.deepEqual(await get(new MeasurementStore(folder.path), first), first);
});

Deno.test("what was never put is not there, be there a folder or not", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(folder.path);
  assert.equal(await get(store, first), undefined);
  assert.equal(await get(new MeasurementStore(join(folder.path, "none")), first), undefined);
});

Deno.test("a file that a killed run left half-written is never read", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(folder.path);
  for (const content of [json, json.slice(0, 40)]) {
    await Deno.writeTextFile(join(folder.path, `${first.id}.json.0badf00d.part`), content);
    assert.equal(await get(store, first), undefined);
  }
});

const corruptions: readonly [string, string][] = [
  ["empty", ""],
  ["cut short", json.slice(0, json.length / 2)],
  ["no measurement", "{}"],
  ["a list", `[${json}]`],
  ["of an unknown kind", json.replace(/"kind":"timing"/, '"kind":"guess"')],
  ["without a result", json.replace(/"result"/, '"outcome"')],
  ["of another key", JSON.stringify(measurements[1])],
  ["of an older layout", JSON.stringify({ digest: "", task: {}, circumstances: {}, result: {} })],
];

for (const [what, content] of corruptions) {
  Deno.test(`a stored measurement that is ${what} is refused by name`, async () => {
    await using folder = await temporaryFolder();
    const store = new MeasurementStore(folder.path);
    assert.notEqual(content, json);
    const file = join(folder.path, `${first.id}.json`);
    await Deno.writeTextFile(file, content);
    await assert.rejects(get(store, first), (error) => {
      assert.ok(error instanceof MeasurementError);
      assert.equal(error.fault.file, file);
      assert.match(error.message, /is not a measurement.*delete it to measure again$/);
      return true;
    });
  });
}

/** One of each kind, by its name. */
const ofEachKind = new Map(measurements.map((each) => [each.kind, each]));

for (const [kind, measurement] of ofEachKind) {
  Deno.test(`one flipped bit in a stored ${kind} is refused, in each of its bytes`, async () => {
    await using folder = await temporaryFolder();
    const store = new MeasurementStore(folder.path);
    await putWhole(store, measurement);
    const file = join(folder.path, `${measurement.id}.json`);
    const bytes = await Deno.readFile(file);
    for (let byte = 0; byte < bytes.length; byte++) {
      const bit = 1 << (5 * byte & 7);
      bytes[byte] ^= bit;
      await Deno.writeFile(file, bytes);
      await assert.rejects(get(store, measurement), MeasurementError, `byte ${byte}, ${bit}`);
      bytes[byte] ^= bit;
    }
    await Deno.writeFile(file, bytes);
    assert.deepEqual(await get(store, measurement), measurement);
  });

  Deno.test(`a ${kind} of another task is refused, though its digest is right`, async () => {
    await using folder = await temporaryFolder();
    const store = new MeasurementStore(folder.path);
    const [other] = measurements.filter(({ kind, id }) =>
      kind === measurement.kind && id !== measurement.id
    );
    await putWhole(store, { ...other, id: measurement.id });
    await assert.rejects(get(store, measurement), (error) => {
      assert.ok(error instanceof MeasurementError);
      return error.fault.option === "key";
    });
  });

  Deno.test(`a ${kind} with a field less or more is refused, though its digest is right`, async () => {
    await using folder = await temporaryFolder();
    const store = new MeasurementStore(folder.path);
    const plain = JSON.parse(JSON.stringify(measurement));
    for (const change of changes(plain)) {
      await putWhole(store, { ...change, id: measurement.id });
      await assert.rejects(get(store, measurement), MeasurementError);
    }
  });
}

/** Each field of the result taken away, and made a text; a field more at each level. */
function changes(measurement: Measurement): Measurement[] {
  const result = measurement.result as object;
  const results = Object.keys(result).flatMap((name) => {
    const { [name as keyof typeof result]: _, ...rest } = result;
    return [rest, { ...result, [name]: { as: "an object" } }];
  });
  return [
    ...[...results, { ...result, more: 1 }].map((result) => ({ ...measurement, result })),
    { ...measurement, more: 1 } as Measurement,
    { ...measurement, key: { ...measurement.key as object, more: 1 } },
  ];
}

Deno.test("a measurement from before there were digests is refused, with what to do", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(join(folder.path, `${first.id}.json`), json);
  await assert.rejects(
    get(new MeasurementStore(folder.path), first),
    /option 'digest'.*got 'nothing'.*delete it to measure again$/,
  );
});

Deno.test("a stored measurement that is a folder is said to be one", async () => {
  await using folder = await temporaryFolder();
  await Deno.mkdir(join(folder.path, `${first.id}.json`));
  await assert.rejects(get(new MeasurementStore(folder.path), first), (error) => {
    assert.ok(error instanceof MeasurementError);
    return /cannot be read: got 'it is a folder'/.test(error.message);
  });
});

for (const value of [NaN, Infinity]) {
  Deno.test(`a measurement of ${value} is refused: JSON would make it null`, async () => {
    await using folder = await temporaryFolder();
    const scored = measurements.find(({ kind }) => kind === evaluationKind.name)!;
    const diverged = { ...scored, result: { ...scored.result as object, kl: value } };
    await assert.rejects(put(new MeasurementStore(folder.path), diverged), (error) => {
      assert.ok(error instanceof MeasurementError);
      assert.match(error.message, new RegExp(`'kl' of a → b: base is not finite: got '${value}'`));
      return true;
    });
    assert.deepEqual(filesIn(folder.path), []);
  });
}

Deno.test("a measurement whose file beside it is gone is not there", async () => {
  await using folder = await temporaryFolder();
  const store = new MeasurementStore(folder.path);
  const measurement = ofEachKind.get(compressionKind.name)!;
  await put(store, measurement);
  assert.equal(await get(store, measurement), undefined);
  const beside = store.filePath(compressionKind, measurement.id);
  assert.equal(beside, join(folder.path, `${measurement.id}.safetensors`));
  await Deno.writeTextFile(beside, "");
  assert.deepEqual(await get(store, measurement), measurement);
});

const settings: readonly {
  what: string;
  change: (key: CompressionKey) => Partial<CompressionKey>;
}[] = [
  { what: "a method that there is not", change: () => ({ method: "guess" }) },
  { what: "a setting less", change: ({ settings: { rows: _, ...rest } }) => ({ settings: rest }) },
  { what: "a setting more", change: ({ settings }) => ({ settings: { ...settings, more: 1 } }) },
  {
    what: "a setting out of bounds",
    change: ({ settings }) => ({ settings: { ...settings, rows: 0 } }),
  },
];

for (const { what, change } of settings) {
  Deno.test(`a compression by ${what} is refused, though it is what was asked for`, async () => {
    await using folder = await temporaryFolder();
    const store = new MeasurementStore(folder.path);
    const sample = measurements.find(({ kind, key }) =>
      kind === compressionKind.name && "rows" in (key as CompressionKey).settings
    )!;
    const key = { ...sample.key as CompressionKey };
    const changed = { ...key, ...change(key) };
    const id = measurementId(compressionKind.name, changed);
    await putWhole(store, { ...sample, key: changed, id });
    await assert.rejects(store.get(compressionKind, changed), (error) => {
      assert.ok(error instanceof MeasurementError);
      return error.fault.option === "key";
    });
  });
}

Deno.test("a store that cannot be written says so and names the file", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "file");
  await Deno.writeTextFile(path, "not a folder");
  await assert.rejects(put(new MeasurementStore(path), first), (error) => {
    assert.ok(error instanceof OutputError);
    assert.equal(error.fault.file, join(path, `${first.id}.json`));
    return true;
  });
});
