/** Every example of the public face runs: what it asserts is true. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { temporaryFolder } from "./checkpoint/tiny_checkpoint.ts";
import { documented, examplesModule } from "./examples.ts";

const mod = new URL("../lib/mod.ts", import.meta.url);

Deno.test("the examples of the public face hold", async (t) => {
  const all = await documented(fileURLToPath(mod));
  await using folder = await temporaryFolder();
  const path = join(folder.path, "examples.ts");
  await Deno.writeTextFile(path, examplesModule(all, mod.href));
  const { examples } = await import(pathToFileURL(path).href) as {
    examples: [name: string, run: () => Promise<void>][];
  };
  assert.ok(examples.length > 0);
  for (const [name, run] of examples) await t.step(name, run);
});
