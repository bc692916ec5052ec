/** A study that is killed by SIGKILL, in a process of its own. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { planTasks } from "../../../lib/studies/activation_aware_bitdelta/plan.ts";
import { runStudy } from "../../../lib/studies/activation_aware_bitdelta/run.ts";
import { filesIn } from "../../checkpoint/tiny_checkpoint.ts";
import { tokenizedPair } from "../../scripts/tokenized_pair.ts";
import { smallStudy } from "../../experiments/small_study.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const SCRIPT = fileURLToPath(new URL("killed_study.ts", import.meta.url));

/** Starts the study of the pair in a folder. */
function start(folder: string, ...fatalRename: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-write",
      "--allow-sys=hostname",
      "--allow-ffi=node_modules",
      "--allow-run",
      SCRIPT,
      folder,
      ...fatalRename,
    ],
    cwd: ROOT,
    stdout: "piped",
  }).spawn();
}

/** Checks that what the killed study left is whole, and that the next makes exactly the rest. */
async function checkWhatIsLeft(folder: string, expected?: number): Promise<void> {
  const study = smallStudy(folder);
  const { store, protocol } = study;
  const left = filesIn(store.directory).filter((name) => name.endsWith(".json"));
  if (expected !== undefined) assert.equal(left.length, expected);
  const { made, measurements } = await runStudy(study);
  assert.equal(made, planTasks(protocol).length - left.length);
  const kept = measurements.map(({ id }) => `${id}.json`).filter((name) => left.includes(name));
  assert.equal(kept.length, left.length);
  assert.equal((await runStudy(study)).made, 0);
}

// The study first keeps 2 timings and 2 scores of the pair's own; each compression then is a delta, its
// measurement and a score.
const moments = [
  { what: "its first measurement", rename: 1, kept: 0 },
  { what: "a compression's delta", rename: 5, kept: 4 },
  { what: "a compression's measurement, its delta written", rename: 6, kept: 4 },
  { what: "a compressed model's score", rename: 7, kept: 5 },
];

for (const { what, rename, kept } of moments) {
  Deno.test(`a study killed as it keeps ${what} loses that one only`, async () => {
    await using pair = await tokenizedPair();
    const { signal } = await start(pair.folder, String(rename)).output();
    assert.equal(signal, "SIGKILL");
    const store = join(pair.folder, "measurements");
    const [part] = filesIn(store).filter((name) => name.endsWith(".part"));
    // As if the process had died in the middle of the file.
    await Deno.truncate(join(store, part), (await Deno.stat(join(store, part))).size / 2);
    await checkWhatIsLeft(pair.folder, kept);
  });
}

Deno.test("a study killed from outside, wherever it is, can go on", async () => {
  await using pair = await tokenizedPair();
  const child = start(pair.folder);
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assert.match(new TextDecoder().decode(value), /^1\n/);
  child.kill("SIGKILL");
  await reader.cancel();
  assert.equal((await child.status).signal, "SIGKILL");
  await checkWhatIsLeft(pair.folder);
});
