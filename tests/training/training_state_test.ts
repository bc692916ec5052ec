import assert from "node:assert/strict";
import { join } from "node:path";
import { contentDigest } from "../../lib/checkpoint/content_digest.ts";
import { writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { SafetensorsError } from "../../lib/util/errors.ts";
import {
  restoreTrainingState,
  saveTrainingState,
  TrainingStateError,
} from "../../lib/training/training_state.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { tinyTrainer, train } from "./tiny_trainer.ts";

Deno.test("a run that was saved and restored goes on bit for bit", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state.safetensors");
  await using uninterrupted = await tinyTrainer();
  const expected = await train(uninterrupted.trainer, 9);

  await using first = await tinyTrainer();
  await train(first.trainer, 4);
  await saveTrainingState(path, first.trainer);
  await using second = await tinyTrainer();
  await restoreTrainingState(path, second.trainer);
  assert.deepEqual(second.trainer.log, first.trainer.log);
  assert.deepEqual(second.trainer.log.losses, expected.slice(0, 4));
  assert.equal(second.trainer.optimizer.stepCount, 4);
  assert.deepEqual(await train(second.trainer, 9), expected.slice(4));
  assert.deepEqual(second.trainer.parameters, uninterrupted.trainer.parameters);
  assert.deepEqual(second.trainer.optimizer.moments, uninterrupted.trainer.optimizer.moments);
});

Deno.test("a state takes the place of the one before, and saving changes nothing", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state.safetensors");
  await using tiny = await tinyTrainer();
  for (const step of [1, 2]) {
    await train(tiny.trainer, step);
    const before = structuredClone(tiny.trainer.parameters);
    await saveTrainingState(path, tiny.trainer);
    assert.deepEqual(tiny.trainer.parameters, before);
  }
  assert.deepEqual(filesIn(folder.path), ["state.safetensors"]);
  await using other = await tinyTrainer();
  await restoreTrainingState(path, other.trainer);
  assert.equal(other.trainer.optimizer.stepCount, 2);
});

Deno.test("where nothing was saved, a run starts from its first step", async () => {
  await using folder = await temporaryFolder();
  await using tiny = await tinyTrainer();
  const before = structuredClone(tiny.trainer.parameters);
  await restoreTrainingState(join(folder.path, "none.safetensors"), tiny.trainer);
  assert.deepEqual(tiny.trainer.log, { losses: [], seconds: 0 });
  assert.deepEqual(tiny.trainer.parameters, before);
  assert.equal(tiny.trainer.optimizer.stepCount, 0);
});

Deno.test("a state that was cut short is refused", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state.safetensors");
  await using tiny = await tinyTrainer();
  await saveTrainingState(path, tiny.trainer);
  await Deno.truncate(path, (await Deno.stat(path)).size - 4);
  await assert.rejects(restoreTrainingState(path, tiny.trainer), SafetensorsError);
});

Deno.test("one flipped bit in a state is refused, in each part of it, and changes nothing", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state.safetensors");
  await using tiny = await tinyTrainer();
  await train(tiny.trainer, 2);
  await saveTrainingState(path, tiny.trainer);
  const before = structuredClone(tiny.trainer.parameters);
  const bytes = await Deno.readFile(path);
  const step = Math.ceil(bytes.length / 400);
  for (let byte = 0; byte < bytes.length; byte += byte < 200 ? 1 : step) {
    bytes[byte] ^= 1 << (byte & 7);
    await Deno.writeFile(path, bytes);
    await assert.rejects(restoreTrainingState(path, tiny.trainer), (error) => {
      return error instanceof TrainingStateError || error instanceof SafetensorsError;
    }, `byte ${byte}`);
    bytes[byte] ^= 1 << (byte & 7);
  }
  assert.deepEqual(tiny.trainer.parameters, before);
});

const state = (values: Partial<Record<"run" | "step" | "log" | "digest", string>>) => ({
  run: "tiny",
  step: "1",
  log: '{"losses":[1],"seconds":1}',
  digest: "00",
  ...values,
});

const malformed: { name: string; metadata: Record<string, string>; option: string }[] = [
  { name: "nothing said of it", metadata: {}, option: "run" },
  { name: "half a step", metadata: state({ step: "1.5" }), option: "step" },
  { name: "a log that is no JSON", metadata: state({ log: "{" }), option: "log" },
  { name: "a log of another form", metadata: state({ log: '{"losses":3}' }), option: "log" },
  { name: "another digest", metadata: state({}), option: "digest" },
];

for (const { name, metadata, option } of malformed) {
  Deno.test(`a state with ${name} is refused by its field`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "state.safetensors");
    await writeSafetensors(path, [], metadata);
    await using tiny = await tinyTrainer();
    await assert.rejects(restoreTrainingState(path, tiny.trainer), (error) => {
      assert.ok(error instanceof TrainingStateError, String(error));
      assert.equal(error.fault.option, option);
      return /remove it to train from the first step$/.test(error.message);
    });
  });
}

Deno.test("a state of another run is refused by its name, and changes nothing", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state.safetensors");
  await using tiny = await tinyTrainer();
  await train(tiny.trainer, 1);
  await saveTrainingState(path, tiny.trainer);
  await using other = await tinyTrainer({}, { run: "another" });
  const before = structuredClone(other.trainer.parameters);
  await assert.rejects(restoreTrainingState(path, other.trainer), (error) => {
    assert.ok(error instanceof TrainingStateError, String(error));
    return error.fault.option === "run" && error.fault.value === "tiny";
  });
  assert.deepEqual(other.trainer.parameters, before);
  assert.equal(other.trainer.optimizer.stepCount, 0);
});

Deno.test("a state of a model of other sizes is refused by the tensor, and changes nothing", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state.safetensors");
  const metadata = { run: "tiny", step: "1", log: '{"losses":[1],"seconds":1}' };
  const bytes = new Uint8Array(4);
  const tensors = new Map([["model.norm.weight", { dtype: "F32" as const, shape: [1], bytes }]]);
  await writeSafetensors(
    path,
    [{ name: "model.norm.weight", dtype: "F32", shape: [1], bytes }],
    { ...metadata, digest: contentDigest(metadata, tensors) },
  );
  await using tiny = await tinyTrainer();
  const before = structuredClone(tiny.trainer.parameters);
  await assert.rejects(restoreTrainingState(path, tiny.trainer), (error) => {
    return error instanceof TrainingStateError && error.fault.tensor !== undefined;
  });
  assert.deepEqual(tiny.trainer.parameters, before);
  assert.equal(tiny.trainer.optimizer.stepCount, 0);
});
