/** Scripts use no network unless an argument names something on the Hub. */

import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { projectPath } from "../../lib/mod.ts";
import { LoopbackHub } from "../hub/loopback_hub.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { runTask } from "./run_script.ts";

Deno.test("a script that may use the network gives it up before anything else", async () => {
  for (const line of Object.values(project.tasks)) {
    const script = line.match(/--allow-net .*(scripts\/\w+\.ts)/)?.[1];
    if (script === undefined) continue;
    const source = await Deno.readTextFile(script);
    const first = source.match(/^await .*/m)?.[0];
    assert.match(first ?? "", /^await keepNetworkForNames\(/, script);
  }
});

Deno.test("compress reads a pair by its names on the Hub, with the permissions of its task", async () => {
  await using folder = await temporaryFolder();
  await using hub = LoopbackHub.start({
    repositories: {
      "us/base": { files: projectPath("data/checkpoints/llama-base"), private: true },
      "us/fine": { files: projectPath("data/checkpoints/llama-assistant") },
    },
    token: "hf_secret",
  });
  const environment = {
    HF_ENDPOINT: hub.endpoint,
    HF_HOME: `${folder.path}/hf`,
    HF_TOKEN: "hf_secret",
    HF_HUB_OFFLINE: "",
  };
  const names = ["--base", "hf:us/base", "--fine=hf:us/fine", "--method", "initial"];
  const out = `${folder.path}/out.safetensors`;
  const { code, error } = await runTask("compress", [...names, "--out", out], environment);
  assert.deepEqual([code, error.match(/secret/)], [0, null], error);
  assert.match(await Deno.readTextFile(out), /"fine":"hf:us\/fine@[0-9a-f]{40}"/);
  assert.ok(!(await Deno.readTextFile(out)).includes("hf_secret"));
});
