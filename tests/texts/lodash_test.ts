import assert from "node:assert/strict";
import { lodashDocument, lodashDocumentNames } from "../../lib/texts/lodash.ts";

Deno.test("modules are documents; the builds that repeat them are not", async () => {
  const names = await lodashDocumentNames();
  assert.ok(names.length > 600);
  for (const name of ["debounce", "_baseClone"]) assert.ok(names.includes(name), name);
  for (const name of ["lodash", "core", "lodash.min", "core.min", "fp", "fp/map"]) {
    assert.ok(!names.includes(name), name);
  }
  assert.match((await lodashDocument("debounce")).text, /module\.exports = debounce;$/);
});
