/** That a checkpoint written over another is the old one, the new one or none, whenever its writer ends. */

import assert from "node:assert/strict";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { ConfigError } from "../../lib/util/errors.ts";
import { temporaryFolder, TINY_CONFIG, tinySource } from "./tiny_checkpoint.ts";

const before = tinySource(TINY_CONFIG, 1);
const after = tinySource({ ...TINY_CONFIG, ropeTheta: 500000 }, 2);

/** Saves with names changed `calls` times and then no more, as if the process had ended. */
async function saveInterrupted(folder: string, calls: number): Promise<boolean> {
  const { rename, remove } = Deno;
  const counted = <Given extends unknown[]>(call: (...given: Given) => Promise<void>) => {
    return (...given: Given) => calls-- > 0 ? call(...given) : Promise.reject(new Error("ended"));
  };
  Object.assign(Deno, { rename: counted(rename), remove: counted(remove) });
  try {
    await saveCheckpoint(folder, after, { dtype: "F32" });
    return false;
  } catch (error) {
    assert.equal((error as Error).message, "ended");
    return true;
  } finally {
    Object.assign(Deno, { rename, remove });
  }
}

/** Angle base and first weight of what a folder holds; `null` if it is no checkpoint. */
async function contentOf(folder: string): Promise<[number, number] | null> {
  try {
    using checkpoint = await Checkpoint.open(folder);
    return [checkpoint.config.ropeTheta, (await checkpoint.readFloat32("lm_head.weight"))[0]];
  } catch (error) {
    assert.ok(error instanceof ConfigError, `${error}`);
    return null;
  }
}

Deno.test("new weights never lie beside the settings of old ones, whenever a writer ends", async () => {
  const contents = await Promise.all([before, after].map(async ({ config, readFloat32 }) => {
    return [config.ropeTheta, (await readFloat32("lm_head.weight"))[0]];
  }));
  const found: number[] = [];
  for (let calls = 0, ended = true; ended; calls++) {
    await using folder = await temporaryFolder();
    await saveCheckpoint(folder.path, before, { dtype: "F32" });
    ended = await saveInterrupted(folder.path, calls);
    const content = await contentOf(folder.path);
    const index = contents.findIndex((each) => each.join() === content?.join());
    assert.ok(content === null || index >= 0, `after ${calls} calls: ${content}`);
    found.push(index);
  }
  assert.equal(found.at(0), 0);
  assert.equal(found.at(-1), 1);
});

Deno.test("a save that fails on its weights leaves the checkpoint before it whole", async () => {
  await using folder = await temporaryFolder();
  await saveCheckpoint(folder.path, before, { dtype: "F32" });
  const last = "model.norm.weight";
  const failing = {
    ...after,
    readFloat32: (tensor: string) =>
      tensor === last ? Promise.reject(new Error("out of weights")) : after.readFloat32(tensor),
  };
  await assert.rejects(saveCheckpoint(folder.path, failing, { dtype: "F32" }), /out of weights/);
  using left = await Checkpoint.open(folder.path);
  assert.equal(left.config.ropeTheta, TINY_CONFIG.ropeTheta);
  assert.deepEqual(await left.readFloat32(last), await before.readFloat32(last));
});
