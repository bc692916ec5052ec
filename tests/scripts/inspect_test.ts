/** That `scripts/inspect.ts` prints what is asked for, with its task's permissions. */

import assert from "node:assert/strict";
import { parseInspection } from "../../lib/delta/inspection/schema.ts";
import { oraclePath } from "../oracle.ts";
import { runHere } from "./run_here.ts";
import { runTask } from "./run_script.ts";

Deno.test("inspect prints one JSON document, whose numbers are numbers", async () => {
  const path = oraclePath("B", "diff_orig_distilled.safetensors");
  const { code, out, error } = await runTask("inspect", [path, "--json"]);
  assert.equal(code, 0, error);
  const found = parseInspection(JSON.parse(out));
  assert.ok(found.kind === "delta");
  assert.equal(found.size.bytes.total, (await Deno.stat(path)).size);
});

Deno.test("inspect says what a delta of given shapes takes", async () => {
  const { code, out, error } = await runHere("inspect", ["--like", "llama-2-7b"]);
  assert.equal(code, 0, error);
  assert.match(out, /\| llama-2-7b \| +809\.501 \|.* 10\.10 \|/);
});

Deno.test("inspect wants a path or shapes, and names what it does not find", async () => {
  const none = await runHere("inspect", []);
  assert.deepEqual([none.code, none.out], [2, ""]);
  assert.match(none.error, /^inspect: one of a path and --like is needed; expected .*\n$/);
  const missing = await runHere("inspect", ["no/such/place"]);
  assert.equal(missing.code, 1);
  assert.match(
    missing.error,
    /^inspect: file 'no\/such\/place': cannot be read: got 'there is no such file or folder'; .*\n$/,
  );
});
