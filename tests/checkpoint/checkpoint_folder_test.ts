import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { CheckpointError } from "../../lib/util/errors.ts";
import { assertRefused, splitIntoShards } from "./changed_folder.ts";
import { filesIn, saveTiny, temporaryFolder } from "./tiny_checkpoint.ts";

const others: [name: string, make: (path: string) => Promise<unknown>, message: RegExp][] = [
  ["nothing", () => Promise.resolve(), /there is no such folder; expected the folder/],
  ["a file", (path) => Deno.writeTextFile(path, ""), /is no folder; expected the folder/],
  [
    "a pipe",
    (path) => new Deno.Command("mkfifo", { args: [path] }).output(),
    /is no folder; expected the folder/,
  ],
  ["a link to itself", (path) => Deno.symlink(path, path), /cannot be read: got 'its symbolic li/],
];
for (const [name, make, message] of others) {
  Deno.test(`${name} in the place of a checkpoint's folder is refused`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "model");
    await make(path);
    await assertRefused(Checkpoint.open(path), CheckpointError, message);
  });
}

Deno.test("paths that no folder can have are refused", async () => {
  const long = /cannot be read: got 'its name is too long'/;
  await assertRefused(Checkpoint.open("n".repeat(300)), CheckpointError, long);
  await assertRefused(Checkpoint.open("a\0b"), CheckpointError, /cannot be read: got '.*NUL/);
});

Deno.test("a snapshot of a Hugging Face cache, whose files are links, is a checkpoint", async () => {
  await using folder = await temporaryFolder();
  const [blobs, snapshot] = ["blobs", "snapshots/0f1e2d"].map((name) =>
    join(folder.path, "models--org--name", name)
  );
  using plain = await Checkpoint.open(await saveTiny(blobs));
  await splitIntoShards(blobs);
  await Deno.mkdir(snapshot, { recursive: true });
  for (const [index, name] of filesIn(blobs).entries()) {
    const blob = `blob ${index}`;
    await Deno.rename(join(blobs, name), join(blobs, blob));
    await Deno.symlink(`../../blobs/${blob}`, join(snapshot, name));
  }
  using checkpoint = await Checkpoint.open(snapshot);
  assert.equal(checkpoint.name, "org/name");
  assert.equal(await checkpoint.hash(), await plain.hash());
});
