import assert from "node:assert/strict";
import { errorAt } from "../../../lib/methods/allocation/error_at.ts";

/** A share of 0.9 is left by each byte up to 20, and of 0.8 by each further one. */
const law = (bytes: number) => 0.9 ** Math.min(bytes, 20) * 0.8 ** Math.max(0, bytes - 20);
const known = [20, 4, 30].map((bytes) => ({ bytes, error: law(bytes) }));

Deno.test("between what was measured, and beyond it, each byte leaves the same share", () => {
  for (const bytes of [1, 4, 11, 20, 25, 30, 44]) {
    assert.ok(Math.abs(errorAt(bytes, known) / law(bytes) - 1) < 1e-12, `${bytes}`);
  }
});

Deno.test("what was measured is given as it was, and one error stands for all", () => {
  const exact = [...known, { bytes: 40, error: 0 }];
  assert.equal(errorAt(40, exact), 0);
  assert.ok(errorAt(39, exact) > 0 && errorAt(39, exact) < law(30));
  assert.equal(errorAt(9, [{ bytes: 3, error: 0.5 }]), 0.5);
});

Deno.test("what was measured twice counts once: there is an error beyond it too", () => {
  const twice = [...known, ...known];
  for (const bytes of [1, 11, 44]) assert.equal(errorAt(bytes, twice), errorAt(bytes, known));
  const one = { bytes: 3, error: 0.5 };
  assert.equal(errorAt(9, [one, one]), 0.5);
});
