/** Requests of an embedded model and its tenants, together and alone; `deno task fuzz --requests` tries more. */

import assert from "node:assert/strict";
import { embeddedSoak } from "./embedded_soak.ts";

Deno.test("requests of an embedded model's tenants: each answer is that of the request alone", async () => {
  const lengths = { longestPrompt: 40, longestAnswer: 10 };
  const report = await embeddedSoak({ ...lengths, requests: 32, seed: 1, threads: 1 });
  assert.ok(report.finished > 20 && report.givenUp > 0 && report.loads > 4);
  assert.ok(report.tokens > 100);
});
