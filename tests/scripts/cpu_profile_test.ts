/** How `bench --part profile` reads a CPU profile. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type CpuProfile, selfTimes } from "../bench/cpu_profile.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";

const frame = (id: number, functionName: string, url: string, lineNumber = 0) => ({
  id,
  callFrame: { functionName, url, lineNumber },
});

Deno.test("a sample's time is until the next, and functions are put together", () => {
  const profile: CpuProfile = {
    nodes: [
      frame(1, "widen", "file:///a/b/lib/checkpoint/tensor.ts", 9),
      frame(2, "(idle)", ""),
      frame(3, "widen", "file:///a/b/lib/checkpoint/tensor.ts", 9),
      frame(4, "run", "file:///a/b/node_modules/.deno/ort@1/node_modules/ort/lib/run.js", 4),
      frame(5, "", "file:///a/b/scripts/bench.ts", 1),
      frame(6, "wasm-function[2]", "wasm://wasm/7a"),
    ],
    startTime: 1_000_000,
    endTime: 3_000_000,
    samples: [2, 1, 3, 4, 5, 6],
    timeDeltas: [100_000, 300_000, 200_000, 400_000, 600_000, 100_000],
  };
  // The last one lasts until the end: 3,000,000 − 2,700,000.
  const expected = [
    ["(anonymous)", "scripts/bench.ts:2", true, 0.1],
    ["(idle)", "", false, 0.3],
    ["run", "ort/lib/run.js:5", false, 0.6],
    ["wasm-function[2]", "wasm://wasm/7a", false, 0.3],
    ["widen", "lib/checkpoint/tensor.ts:10", true, 0.6],
  ];
  const found = selfTimes(profile);
  assert.deepEqual(
    found.toSorted((a, b) => a.name < b.name ? -1 : 1)
      .map(({ name, place, isOurs, seconds }) => [name, place, isOurs, seconds]),
    expected,
  );
  assert.deepEqual(found.map(({ share }) => share), [0.3, 0.3, 0.15, 0.15, 0.05]);
});

Deno.test("a profile that Deno writes names the function that took the time", async () => {
  await using folder = await temporaryFolder();
  const program = join(folder.path, "program.ts");
  await Deno.writeTextFile(
    program,
    "function loop() { let sum = 0; for (let i = 0; i < 3e8; i++) sum += i % 7; return sum; }\n" +
      "console.log(loop());\n",
  );
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--cpu-prof", `--cpu-prof-dir=${folder.path}`, program],
    stdout: "null",
    stderr: "null",
  }).output();
  assert.equal(code, 0);
  const [file] = [...Deno.readDirSync(folder.path)].filter(({ name }) => name.endsWith("profile"));
  const [first] = selfTimes(JSON.parse(await Deno.readTextFile(join(folder.path, file.name))));
  assert.deepEqual([first.name, first.isOurs], ["loop", true]);
  assert.ok(first.seconds > 0 && first.share <= 1);
});
