import assert from "node:assert/strict";
import fc from "fast-check";
import {
  compose,
  identity,
  parseTransform,
  type Transform,
  transformBox,
  unionBox,
} from "../../lib/figures/export/svg_transform.ts";

const apply = ([a, b, c, d, e, f]: Transform, [x, y]: readonly [number, number]) =>
  [a * x + c * y + e, b * x + d * y + f] as const;

function assertClose(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, index) => {
    const scale = Math.max(1, Math.abs(expected[index]));
    assert.ok(Math.abs(value - expected[index]) < 1e-9 * scale, `${actual} is not ${expected}`);
  });
}

const number = fc.double({ min: -50, max: 50, noNaN: true });
const transform = fc.tuple(number, number, number, number, number, number);
const point = fc.tuple(number, number);

Deno.test("a composed transform is one after the other", () => {
  fc.assert(fc.property(transform, transform, point, (outer, inner, at) => {
    const expected = apply(outer, apply(inner, at));
    const scale = 1e-9 * (1 + Math.max(...expected.map(Math.abs)));
    apply(compose(outer, inner), at).forEach((value, index) =>
      assert.ok(Math.abs(value - expected[index]) <= scale + 1e-8)
    );
  }));
});

Deno.test("transforms are read as SVG defines them", () => {
  assert.deepEqual(parseTransform(""), identity);
  assertClose(apply(parseTransform("translate(3)"), [1, 2]), [4, 2]);
  assertClose(apply(parseTransform("translate(3, -4.5)"), [1, 2]), [4, -2.5]);
  assertClose(apply(parseTransform("scale(2)"), [1, 2]), [2, 4]);
  assertClose(apply(parseTransform("scale(2 3)"), [1, 2]), [2, 6]);
  assertClose(apply(parseTransform("matrix(1,2,3,4,5,6)"), [10, 100]), [315, 426]);
  // A quarter turn is clockwise where y grows downwards: right becomes down.
  assertClose(apply(parseTransform("rotate(90)"), [1, 0]), [0, 1]);
  assertClose(apply(parseTransform("rotate(90,10,20)"), [10, 20]), [10, 20]);
  assertClose(apply(parseTransform("rotate(90,10,20)"), [13, 20]), [10, 23]);
});

Deno.test("a list of transforms applies from right to left", () => {
  assertClose(apply(parseTransform("translate(10,0) scale(2)"), [1, 1]), [12, 2]);
  assertClose(apply(parseTransform("scale(2)translate(10,0)"), [1, 1]), [22, 2]);
});

Deno.test("the box of a turned box holds its corners", () => {
  const turned = transformBox(
    { x: 1, y: 2, width: 3, height: 4 },
    parseTransform("rotate(90)"),
  );
  assertClose([turned.x, turned.y, turned.width, turned.height], [-6, 1, 4, 3]);
});

Deno.test("a union passes over boxes without extent", () => {
  const empty = { x: -100, y: -100, width: 0, height: 0 };
  const boxes = [{ x: 0, y: 1, width: 2, height: 3 }, empty, { x: 5, y: -1, width: 1, height: 1 }];
  assert.deepEqual(unionBox(boxes), { x: 0, y: -1, width: 6, height: 5 });
  assert.deepEqual(unionBox([empty]), { x: 0, y: 0, width: 0, height: 0 });
});
