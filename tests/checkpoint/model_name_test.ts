import assert from "node:assert/strict";
import { join } from "node:path";
import { modelName } from "../../lib/checkpoint/model_name.ts";
import { chooseProtocol } from "../../lib/studies/activation_aware_bitdelta/profile.ts";
import { temporaryFolder } from "./tiny_checkpoint.ts";

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
