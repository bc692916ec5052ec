/** Stretches of a range: none overlap, and what is given back is whole again. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { Extents } from "../../../../lib/engines/onnx/team/extents.ts";

const MOST = 2 ** 14;

Deno.test("taken stretches never overlap, and all is free once all are given back", () => {
  const steps = fc.array(fc.record({ takes: fc.boolean(), number: fc.nat(2000) }), {
    maxLength: 80,
  });
  fc.assert(fc.property(steps, (steps) => {
    const extents = new Extents(64);
    const taken: [begin: number, bytes: number][] = [];
    for (const { takes, number } of steps) {
      if (takes) {
        const begin = extents.take(number, MOST);
        if (begin === null) continue;
        assert.ok(begin >= 64 && begin % 64 === 0 && begin + number <= MOST);
        for (const [other, bytes] of taken) {
          assert.ok(begin !== other && (begin >= other + bytes || other >= begin + number));
        }
        taken.push([begin, number]);
      } else if (taken.length > 0) {
        extents.give(...taken.splice(number % taken.length, 1)[0]);
      }
    }
    for (const each of taken) extents.give(...each);
    assert.equal(extents.take(MOST - 64, MOST), 64);
  }));
});

Deno.test("the lowest stretch that fits is taken again, whatever lies above it", () => {
  const extents = new Extents(0);
  const [first, second, third] = [100, 200, 300].map((bytes) => extents.take(bytes, MOST)!);
  assert.deepEqual([first, second, third], [0, 128, 384]);
  extents.give(first, 100);
  extents.give(second, 200);
  assert.equal(extents.take(384, MOST), 0);
  assert.equal(extents.take(1, MOST), 704);
  assert.equal(extents.take(MOST, MOST), null);
});
