import assert from "node:assert/strict";
import { decimals } from "../../lib/util/numbers.ts";

Deno.test("numbers have as many decimals as asked for, and a minus sign where a digit is left", () => {
  assert.equal(decimals(1.25, 1), "1.3");
  assert.equal(decimals(-12, 2), "−12.00");
  assert.equal(decimals(-0.004, 2), "0.00");
  assert.equal(decimals(-0, 0), "0");
});
