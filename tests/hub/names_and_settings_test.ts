/** Names on the Hub, and what the environment says of it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { formatHubName, isHubName, parseHubName } from "../../lib/checkpoint/hub/hub_name.ts";
import { HUB_VARIABLES, hubSettings } from "../../lib/checkpoint/hub/settings.ts";
import { hubOrigin, modelName } from "../../lib/checkpoint/checkpoint_folder.ts";
import { OptionError } from "../../lib/util/errors.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

const parsed = (text: string) => {
  const { repository, revision, path } = parseHubName(text, "model");
  return [repository, revision, path];
};

Deno.test("a name has a repository, a revision and a path", () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  assert.deepEqual(parsed("hf:us/m"), ["us/m", "main", ""]);
  assert.deepEqual(parsed("hf:us/m-1.5_b/sub/dir/"), ["us/m-1.5_b", "main", "sub/dir"]);
  assert.deepEqual(parsed(`hf:us/m@${commit}/sub`), ["us/m", commit, "sub"]);
  assert.deepEqual(parsed("hf:us/m@v1.0"), ["us/m", "v1.0", ""]);
  assert.deepEqual(parsed("hf:us/m@refs/pr/12/a/b"), ["us/m", "refs/pr/12", "a/b"]);
  assert.deepEqual(parsed("hf:us/m@refs/convert/parquet/x"), ["us/m", "refs/convert/parquet", "x"]);
  assert.deepEqual(parsed("hf:us/m@feature%2Fone/a"), ["us/m", "feature/one", "a"]);
  for (const text of ["hf:us/m@main", "hf:us/m@refs/pr/1/a", "hf:us/m@feature%2Fone/a"]) {
    assert.equal(formatHubName(parseHubName(text, "model")), text);
  }
});

Deno.test("what is no name is refused with how names are written", () => {
  const wrong = [
    "hf:",
    "hf:m",
    "hf:us/",
    "hf:/m",
    "hf:us/m@",
    "hf:us/m m",
    "hf:us/a--b",
    "hf:-us/m",
  ];
  for (
    const text of [...wrong, "hf:us/m@a b", "hf:us/m@%zz", "hf:us/m/a//b", "us/m", "hf:us/m@a@{1}"]
  ) {
    assert.throws(
      () => parseHubName(text, "model"),
      /OptionError: .*expected hf:owner\/name/,
      text,
    );
  }
  assert.ok(isHubName("hf:anything") && !isHubName("./hf:us/m") && !isHubName("us/m"));
});

Deno.test("a snapshot's folder says its model's name and where it comes from", () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const folder = `/home/me/hub/models--us--m/snapshots/${commit}`;
  assert.equal(hubOrigin(folder), `hf:us/m@${commit}`);
  assert.equal(hubOrigin(`${folder}/sub`), `hf:us/m@${commit}/sub`);
  assert.equal(hubOrigin("/home/me/models/m"), null);
  assert.equal(modelName("hf:us/m@v1/sub"), "us/m/sub");
});

const settings = (variables: Record<string, string>) =>
  hubSettings((name) => {
    assert.ok(HUB_VARIABLES.includes(name), name);
    return variables[name];
  });

Deno.test("the cache lies where Python's library has it", async () => {
  const cases: [variables: Record<string, string>, cache: string][] = [
    [{ HOME: "/h" }, "/h/.cache/huggingface/hub"],
    [{ USERPROFILE: "/h", HOME: "" }, "/h/.cache/huggingface/hub"],
    [{ HOME: "/h", XDG_CACHE_HOME: "/x" }, "/x/huggingface/hub"],
    [{ HOME: "/h", XDG_CACHE_HOME: "/x", HF_HOME: "~/hf" }, "/h/hf/hub"],
    [{ HF_HOME: "/hf", HUGGINGFACE_HUB_CACHE: "/old" }, "/old"],
    [{ HF_HOME: "/hf", HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/c" }, "/c"],
  ];
  for (const [variables, cache] of cases) assert.equal((await settings(variables)).cache, cache);
  await assert.rejects(settings({}), /OptionError: .*HF_HOME or HF_HUB_CACHE/);
});

Deno.test("the endpoint, and what is none", async () => {
  assert.equal((await settings({ HOME: "/h" })).endpoint, "https://huggingface.co");
  const mirror = { HOME: "/h", HF_ENDPOINT: "https://mirror.example/hf/" };
  assert.equal((await settings(mirror)).endpoint, "https://mirror.example/hf");
  for (const HF_ENDPOINT of ["mirror.example", "ftp://a", "https://a?b=c", "https://me:secret@a"]) {
    await assert.rejects(settings({ HOME: "/h", HF_ENDPOINT }), (error) => {
      assert.ok(error instanceof OptionError && !error.message.includes("secret"));
      return true;
    });
  }
});

Deno.test("a token comes from its variable, or from its file, unless that is forbidden", async () => {
  await using folder = await temporaryFolder();
  const HF_HOME = folder.path;
  await Deno.writeTextFile(join(HF_HOME, "token"), "hf_file\n");
  await Deno.writeTextFile(join(HF_HOME, "other"), "hf_other");
  const token = async (variables: Record<string, string>) =>
    (await settings({ HF_HOME, ...variables })).token;
  assert.equal(await token({}), "hf_file");
  assert.equal(await token({ HF_TOKEN_PATH: join(HF_HOME, "other") }), "hf_other");
  assert.equal(await token({ HF_TOKEN: " hf_a\r\n", HUGGING_FACE_HUB_TOKEN: "hf_b" }), "hf_a");
  assert.equal(await token({ HUGGING_FACE_HUB_TOKEN: "hf_b" }), "hf_b");
  assert.equal(await token({ HF_TOKEN: "hf_a", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }), null);
  assert.equal(await token({ HF_TOKEN_PATH: join(HF_HOME, "none") }), null);
  await assert.rejects(token({ HF_TOKEN: "hf_a b" }), (error) => {
    assert.ok(error instanceof OptionError && !error.message.includes("hf_a"));
    return true;
  });
});

Deno.test("the network is forbidden by either variable", async () => {
  const offline = async (variables: Record<string, string>) =>
    (await settings({ HOME: "/h", ...variables })).offline;
  assert.equal(await offline({}), null);
  assert.equal(await offline({ HF_HUB_OFFLINE: "0" }), null);
  for (const yes of ["1", "on", "Yes", "TRUE"]) {
    assert.equal(await offline({ HF_HUB_OFFLINE: yes }), "HF_HUB_OFFLINE");
  }
  assert.equal(await offline({ TRANSFORMERS_OFFLINE: "1" }), "TRANSFORMERS_OFFLINE");
});
