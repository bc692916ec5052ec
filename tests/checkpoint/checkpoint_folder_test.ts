import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { modelName } from "../../lib/checkpoint/checkpoint_folder.ts";
import { chooseProtocol } from "../../lib/studies/activation_aware_bitdelta/profile.ts";
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

async function hashOf(folder: string): Promise<string> {
  using checkpoint = await Checkpoint.open(folder);
  return await checkpoint.hash();
}

Deno.test("a snapshot of a Hugging Face cache, whose files are links, is a checkpoint", async () => {
  await using folder = await temporaryFolder();
  const [blobs, snapshot] = ["blobs", "snapshots/0f1e2d"].map((name) =>
    join(folder.path, "models--org--name", name)
  );
  const hash = await hashOf(await saveTiny(blobs));
  await splitIntoShards(blobs);
  await Deno.mkdir(snapshot, { recursive: true });
  for (const [index, name] of filesIn(blobs).entries()) {
    const blob = `blob ${index}`;
    await Deno.rename(join(blobs, name), join(blobs, blob));
    await Deno.symlink(`../../blobs/${blob}`, join(snapshot, name));
  }
  using checkpoint = await Checkpoint.open(snapshot);
  assert.equal(checkpoint.name, "org/name");
  assert.equal(await checkpoint.hash(), hash);
});

const commit = "0123456789abcdef0123456789abcdef01234567";
const snapshot = (repository: string, ...below: string[]) =>
  join("cache", "hub", repository, "snapshots", commit, ...below);

const names: [folder: string, name: string][] = [
  [snapshot("models--meta-llama--Llama-2-7b-hf"), "meta-llama/Llama-2-7b-hf"],
  [snapshot("models--meta-llama--Llama-2-7b-hf") + "/", "meta-llama/Llama-2-7b-hf"],
  [snapshot("models--gpt2"), "gpt2"],
  [snapshot("models--org--name", "checkpoint-500"), "org/name/checkpoint-500"],
  [snapshot("models--组织--模型"), "组织/模型"],
  [join("data", "models--org--name"), "models--org--name"],
  [join("data", "snapshots", commit), commit],
  [join("models--org--name", "snapshots"), "snapshots"],
  [join("data", "llama-base"), "llama-base"],
];

for (const [folder, name] of names) {
  Deno.test(`the model in '${folder}' is '${name}'`, () => assert.equal(modelName(folder), name));
}

Deno.test("a study of a pair from a cache is named by its repositories", () => {
  const [base, fine] = ["models--org--base", "models--org--fine"].map((each) => snapshot(each));
  const { pairs: [pair] } = chooseProtocol({ profile: "quick", base, fine });
  assert.equal(pair.name, "org/base → org/fine");
});

Deno.test("links to a cache, and within it, do not hide a repository", async () => {
  await using folder = await temporaryFolder();
  const at = (...parts: string[]) => join(folder.path, ...parts);
  const snapshots = at("hub", "models--org--name", "snapshots");
  await Deno.mkdir(join(snapshots, commit), { recursive: true });
  await Deno.symlink(snapshots, at("linked"));
  assert.equal(modelName(at("linked", commit)), "org/name");
  await Deno.mkdir(at("elsewhere"));
  await Deno.symlink(at("elsewhere"), join(snapshots, commit.replace("0", "1")));
  assert.equal(modelName(join(snapshots, commit.replace("0", "1"))), "org/name");
  await Deno.symlink(join(snapshots, commit), at("of-my-own"));
  assert.equal(modelName(at("of-my-own")), "of-my-own");
});
