import assert from "node:assert/strict";
import { sharedBytes } from "../../lib/util/shared_bytes.ts";
import { POOL_SIZE, runJob } from "../../lib/util/worker_pool.ts";
import { filled } from "./pool_jobs.ts";

const COUNT = 100;
const BYTES = 2 ** 25;

Deno.test("shared memory that nobody holds is let go of on the way, by workers too", async () => {
  const before = Deno.memoryUsage().rss;
  let most = 0;
  for (let round = 0; round < COUNT; round++) {
    const bytes = sharedBytes(BYTES);
    await runJob(filled, [bytes, round]);
    assert.equal(bytes[BYTES - 1], round);
    most = Math.max(most, Deno.memoryUsage().rss - before);
  }
  // Each thread keeps some until it looks; all of it would be 3.4 GB.
  assert.ok(most < (8 + 4 * POOL_SIZE) * BYTES, `${most} bytes`);
});
