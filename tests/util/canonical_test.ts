import assert from "node:assert/strict";
import fc from "fast-check";
import { canonical, sha256 } from "../../lib/util/canonical.ts";

Deno.test("SHA-256 is that of the standard's example", () => {
  // FIPS 180-2, appendix B.1.
  const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(sha256("abc"), digest);
});

Deno.test("canonical text has the names of every object in order, and lists as they are", () => {
  const value = { b: { z: null, y: [3, { d: 1, c: "é" }, 1] }, a: true };
  assert.equal(canonical(value), '{"a":true,"b":{"y":[3,{"c":"é","d":1},1],"z":null}}');
});

/** The same with the names of every object in reverse order. */
function reversed(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(reversed);
  return Object.fromEntries(
    Object.entries(value).reverse().map(([name, part]) => [name, reversed(part)]),
  );
}

Deno.test("the order of names does not change canonical text, anything else does", () => {
  fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
    assert.equal(canonical(reversed(a)), canonical(a));
    const same = (value: unknown) => JSON.parse(JSON.stringify(value));
    const isEqual = (() => {
      try {
        assert.deepEqual(same(a), same(b));
        return true;
      } catch {
        return false;
      }
    })();
    assert.equal(canonical(a) === canonical(b), isEqual);
  }));
});
