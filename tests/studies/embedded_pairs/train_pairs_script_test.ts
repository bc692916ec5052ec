/** `scripts/train_pairs.ts` as a program: help, and options that it refuses. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { recipes } from "../../../lib/studies/embedded_pairs/recipes.ts";
import { filesIn, temporaryFolder } from "../../checkpoint/tiny_checkpoint.ts";

const SCRIPT = fileURLToPath(new URL("../../../scripts/train_pairs.ts", import.meta.url));

/** Runs the script in a folder of its own; answers its exit code, what it printed, and its files. */
async function runScript(...options: string[]) {
  await using folder = await temporaryFolder();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--cached-only",
      "--allow-read",
      "--allow-env",
      "--allow-sys",
      "--allow-ffi",
      SCRIPT,
      ...options,
    ],
    cwd: folder.path,
  }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, error, files: filesIn(folder.path) };
}

Deno.test("train_pairs --help tells its options", async () => {
  const { code, out, error } = await runScript("--help");
  assert.deepEqual([code, error], [0, ""]);
  assert.match(out, /^Usage: train \[options\]\n\nTrains the embedded pairs\./);
  for (const option of ["--only", "--out", "--states", "--steps", "--threads"]) {
    assert.ok(out.includes(option), option);
  }
});

const refused = [
  { options: ["--fast"], message: /unknown option '--fast' \(see --help\)/ },
  { options: ["--steps", "0"], message: /'--steps <number>'.*'0' is invalid.*from 1 to 1000000/ },
  {
    options: ["--only", "llama-bass"],
    message: new RegExp(`'--only'.*got 'llama-bass'; expected ${recipes[0].name}, `),
  },
];

for (const { options, message } of refused) {
  Deno.test(`train_pairs ${options.join(" ")} is refused`, async () => {
    const { code, out, error, files } = await runScript(...options);
    assert.deepEqual([code, out, files], [2, "", []]);
    assert.match(error, message);
    assert.match(error, /^train: .*\n$/, "one line, no trace");
  });
}
