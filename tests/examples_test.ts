/** Every public function and class has an example, and each runs: what it asserts is true. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { temporaryFolder } from "./checkpoint/tiny_checkpoint.ts";
import { documented, examplesModule } from "./examples.ts";

const mod = new URL("../lib/mod.ts", import.meta.url);

/** What shows a finished run of the study alone, which takes minutes: `reproduce` and its tests run it. */
const OF_A_FINISHED_RUN = ["studyDigest", "ourEvidence"];

Deno.test("all of the public face has examples, which hold", async (t) => {
  const all = await documented(fileURLToPath(mod));
  const without = all.filter(({ needed, examples }) => needed && examples.length === 0);
  assert.deepEqual(without.map(({ name }) => name).toSorted(), OF_A_FINISHED_RUN.toSorted());
  await using folder = await temporaryFolder();
  const path = join(folder.path, "examples.ts");
  await Deno.writeTextFile(path, examplesModule(all, mod.href));
  const { examples } = await import(pathToFileURL(path).href) as {
    examples: [name: string, run: () => Promise<void>][];
  };
  assert.ok(examples.length > 0);
  for (const [name, run] of examples) await t.step(name, run);
});
