/** That `scripts/publish.ts` lists and sends, with its task's permissions, and never shows the token. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { oraclePath } from "../oracle.ts";
import { UploadHub } from "../hub/upload_routes.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { runTask } from "./run_script.ts";

const token = "hf_secretOfTheTests";
const source = oraclePath("B", "diff_orig_distilled.safetensors");

Deno.test("publish says what it will send, sends it, and inspect reads it by its name", async () => {
  await using upload = await UploadHub.start({ token });
  await using folder = await temporaryFolder();
  const variables = {
    HF_ENDPOINT: upload.hub.endpoint,
    HF_HOME: join(folder.path, "hf"),
    HF_TOKEN: token,
  };
  const dry = await runTask("publish", [source, "--to", "me/delta", "--dry-run"], variables);
  assert.equal(dry.code, 0, dry.error);
  assert.match(
    dry.out,
    /^ +\d+ kB {2}diff_orig_distilled\.safetensors {2}\(new\)\n +\d+ B {2}README\.md {2}\(new\)\n$/,
  );
  assert.deepEqual(upload.commits, []);
  const sent = await runTask("publish", [source, "--to", "me/delta"], variables);
  assert.equal(sent.code, 0, sent.error);
  assert.match(
    sent.out,
    /\nrepository {2}http:.*\/me\/delta, made for this\ncommit +[0-9a-f]{40}\n/,
  );
  assert.match(sent.out, /\nsent +2 files, \d+ kB\n$/);
  const read = await runTask("inspect", ["hf:me/delta", "--json"], variables);
  assert.equal(read.code, 0, read.error);
  assert.equal(JSON.parse(read.out).size.bytes.total, (await Deno.stat(source)).size);
  for (const { out, error } of [dry, sent, read]) assert.ok(!`${out}${error}`.includes(token));
});

Deno.test("publish without a token says which variable to set, and asks nothing", async () => {
  await using upload = await UploadHub.start({ token });
  await using folder = await temporaryFolder();
  const variables = {
    HF_ENDPOINT: upload.hub.endpoint,
    HF_HOME: folder.path,
    HF_TOKEN: "",
    HUGGING_FACE_HUB_TOKEN: "",
    HF_TOKEN_PATH: "",
  };
  const { code, out, error } = await runTask("publish", [source, "--to", "me/delta"], variables);
  assert.deepEqual([code, out], [2, ""]);
  assert.match(error, /\npublish: option 'HF_TOKEN': .* made at http:.*\/settings\/tokens\n$/);
  assert.deepEqual(upload.hub.asked, []);
});
