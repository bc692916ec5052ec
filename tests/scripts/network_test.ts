/** Scripts use no network unless an argument names something on the Hub. */

import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { loadDelta, openDelta, projectPath } from "../../lib/mod.ts";
import { LoopbackHub } from "../hub/loopback_hub.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { runTask } from "./run_script.ts";

Deno.test("a script that may use the network gives it up before anything else", async () => {
  for (const line of Object.values(project.tasks)) {
    const script = line.match(/--allow-net .*(scripts\/\w+\.ts)/)?.[1];
    // What publishes has nothing else to do, and what serves listens; its clients reach the Hub by --allow-hub alone.
    if (script === undefined || /publish|serve/.test(script)) continue;
    const source = await Deno.readTextFile(script);
    const first = source.match(/^await .*/m)?.[0];
    assert.match(first ?? "", /^await keepNetworkForNames\(/, script);
  }
});

Deno.test("the network is given up but for names on the Hub", async () => {
  const cases: [args: string[], state: string][] = [
    [["--base", "hf:us/m"], "granted"],
    [["--base=hf:us/m"], "granted"],
    [["--base", "us/m", "--out", "a/hf:us"], "prompt"],
    [[], "prompt"],
  ];
  const network = new URL("../../scripts/network.ts", import.meta.url).href;
  const program = `import { keepNetworkForNames } from ${JSON.stringify(network)};
    for (const args of ${JSON.stringify(cases.map(([args]) => args))}) {
      await keepNetworkForNames(args);
      console.log((await Deno.permissions.query({ name: "net" })).state);
    }`;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--config",
      "deno.json",
      "--cached-only",
      "--allow-read",
      "--allow-net",
      `data:text/javascript,${encodeURIComponent(program)}`,
    ],
    stdout: "piped",
    stderr: "inherit",
  });
  const { stdout } = await child.output();
  assert.deepEqual(
    new TextDecoder().decode(stdout).trim().split("\n"),
    cases.map(([, state]) => state),
  );
});

Deno.test("compress and convert read what is named on the Hub, with the permissions of their tasks", async () => {
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

  hub.add("us/delta", {
    files: { "a.safetensors": { onDisk: out }, "README.md": "" },
    private: true,
  });
  const [torch, back] = [`${folder.path}/diff.pt`, `${folder.path}/back.safetensors`];
  for (const [from, to] of [["hf:us/delta", torch], [torch, back]]) {
    const converted = await runTask("convert", ["--delta", from, "--out", to], environment);
    assert.equal(converted.code, 0, converted.error);
  }
  using expected = await openDelta(out);
  using found = await openDelta(back);
  assert.deepEqual((await loadDelta(found)).layers, (await loadDelta(expected)).layers);
});
