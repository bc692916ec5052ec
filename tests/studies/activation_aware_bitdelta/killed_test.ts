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
  assert.match(new TextDecoder().decode(value), /^keeps \w+\.json\n/);
  child.kill("SIGKILL");
  await reader.cancel();
  assert.equal((await child.status).signal, "SIGKILL");
  await checkWhatIsLeft(pair.folder);
});

/** Names of the measurements that a process says it kept. */
const keptBy = (out: string) => [...out.matchAll(/^keeps (\w+\.json)$/gm)].map(([, name]) => name);

/** Checks that a store has every measurement of the study, and no claim or half a file. */
async function checkWhole(folder: string, left: readonly string[]): Promise<void> {
  const study = smallStudy(folder);
  assert.deepEqual(left.filter((name) => !/^\w+\.(json|safetensors)$/.test(name)), []);
  assert.equal((await runStudy(study)).made, 0);
}

Deno.test("two processes that run one study make each of its measurements once", async () => {
  await using pair = await tokenizedPair();
  const outputs = await Promise.all([start(pair.folder).output(), start(pair.folder).output()]);
  assert.deepEqual(outputs.map(({ code }) => code), [0, 0]);
  const kept = outputs.map(({ stdout }) => keptBy(new TextDecoder().decode(stdout)));
  const all = kept.flat();
  assert.equal(new Set(all).size, all.length);
  assert.equal(all.length, planTasks(smallStudy(pair.folder).protocol).length);
  await checkWhole(pair.folder, filesIn(join(pair.folder, "measurements")));
});

Deno.test("of two processes one is killed within a measurement, and the other makes the rest", async () => {
  await using pair = await tokenizedPair();
  const store = join(pair.folder, "measurements");
  // One kills itself in the place of keeping its third file, whichever that is: its claim stays.
  const killed = start(pair.folder, "3");
  const reader = killed.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let out = (await reader.read()).value!;
  const other = start(pair.folder).output();
  for (let next = await reader.read(); !next.done; next = await reader.read()) out += next.value;
  assert.equal((await killed.status).signal, "SIGKILL");
  const survivor = await other;
  assert.equal(survivor.code, 0);
  const kept = [keptBy(out), keptBy(new TextDecoder().decode(survivor.stdout))];
  assert.equal(kept[0].length, 2);
  const all = kept.flat();
  assert.equal(new Set(all).size, all.length);
  assert.equal(all.length, planTasks(smallStudy(pair.folder).protocol).length);
  const parts = filesIn(store).filter((name) => name.endsWith(".part"));
  await checkWhole(pair.folder, filesIn(store).filter((name) => !parts.includes(name)));
});
