import assert from "node:assert/strict";
import { withinTime } from "../../lib/util/within_time.ts";

const never = () => new Promise<never>(() => {});
const failure = (cause: unknown) => new Error(cause ? "failed" : "too long", { cause });

Deno.test("work that ends gives its value, work that fails its error in other words", async () => {
  assert.equal(await withinTime(() => Promise.resolve(3), 1e9, failure), 3);
  await assert.rejects(withinTime(() => Promise.reject(new Error("x")), 1e9, failure), /failed/);
});

Deno.test("work that does not end is given up after its limit", async () => {
  await assert.rejects(withinTime(never, 1, failure), /too long/);
});

Deno.test("a signal ends the waiting, and no work starts after it", async () => {
  const stop = new AbortController();
  const waiting = withinTime(never, 1e9, failure, stop.signal);
  stop.abort(new Error("stopped"));
  await assert.rejects(waiting, /stopped/);
  const work = () => assert.fail("work was started");
  await assert.rejects(withinTime(work, 1e9, failure, stop.signal), /stopped/);
});
