import assert from "node:assert/strict";
import { join } from "node:path";
import { SafetensorsError } from "../../lib/errors.ts";
import { restoreTrainingState, saveTrainingState } from "../../lib/training/training_state.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { tinyTrainer, train } from "./tiny_trainer.ts";

Deno.test("a run that was saved and restored goes on bit for bit", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state.safetensors");
  await using uninterrupted = await tinyTrainer();
  const expected = await train(uninterrupted.trainer, 9);

  await using first = await tinyTrainer();
  const losses = await train(first.trainer, 4);
  await saveTrainingState(path, first.trainer, { losses, seconds: 1.5 });
  await using second = await tinyTrainer();
  const log = await restoreTrainingState(path, second.trainer);
  assert.deepEqual(log, { losses: expected.slice(0, 4), seconds: 1.5 });
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
    const losses = await train(tiny.trainer, step);
    const before = structuredClone(tiny.trainer.parameters);
    await saveTrainingState(path, tiny.trainer, { losses, seconds: step });
    assert.deepEqual(tiny.trainer.parameters, before);
  }
  assert.deepEqual(filesIn(folder.path), ["state.safetensors"]);
  assert.equal((await restoreTrainingState(path, tiny.trainer)).seconds, 2);
});

Deno.test("where nothing was saved, a run starts from its first step", async () => {
  await using folder = await temporaryFolder();
  await using tiny = await tinyTrainer();
  const before = structuredClone(tiny.trainer.parameters);
  const log = await restoreTrainingState(join(folder.path, "none.safetensors"), tiny.trainer);
  assert.deepEqual(log, { losses: [], seconds: 0 });
  assert.deepEqual(tiny.trainer.parameters, before);
  assert.equal(tiny.trainer.optimizer.stepCount, 0);
});

Deno.test("a state that was cut short is refused", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "state.safetensors");
  await using tiny = await tinyTrainer();
  await saveTrainingState(path, tiny.trainer, { losses: [], seconds: 0 });
  await Deno.truncate(path, (await Deno.stat(path)).size - 4);
  await assert.rejects(restoreTrainingState(path, tiny.trainer), SafetensorsError);
});
