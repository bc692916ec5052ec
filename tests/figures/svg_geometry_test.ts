import assert from "node:assert/strict";
import { type Element, Window } from "happy-dom";
import { lineExtent, textWidth } from "../../lib/figures/export/fonts.ts";
import {
  localBox,
  pathLength,
  pathPoint,
  screenBox,
  textLength,
} from "../../lib/figures/export/svg_geometry.ts";
import type { Box } from "../../lib/figures/export/svg_transform.ts";

const { ascent, descent } = lineExtent();

const { document } = new Window();

/** The element with id `it` of an SVG drawing. */
function drawn(content: string): Element {
  document.body.innerHTML = `<svg xmlns="http://www.w3.org/2000/svg">${content}</svg>`;
  return document.getElementById("it")!;
}

function assertBox(actual: Box, expected: Box): void {
  for (const side of ["x", "y", "width", "height"] as const) {
    assert.ok(Math.abs(actual[side] - expected[side]) < 1e-6, JSON.stringify({ actual, expected }));
  }
}

const plain = { bold: false, italic: false };

Deno.test("length of lines, of a circle by arcs and by Bézier curves", () => {
  assert.equal(pathLength(""), 0);
  assert.equal(pathLength("M0,0L3,4"), 5);
  assert.equal(pathLength("M0,0h3v4Z"), 12);
  assert.ok(Math.abs(pathLength("M3,0A3,3 0 1,1 0,-3A3,3 0 0,1 3,0Z") - 6 * Math.PI) < 1e-9);
  // The usual cubic stands in for a quadrant to 3 parts in 10,000.
  const handle = 10 * 4 / 3 * (Math.SQRT2 - 1);
  const quadrant = pathLength(`M10,0C10,${handle} ${handle},10 0,10`);
  assert.ok(Math.abs(quadrant / (5 * Math.PI) - 1) < 3e-4);
});

Deno.test("points along a path", () => {
  assert.deepEqual(pathPoint("M0,0L3,4", 2.5), { x: 1.5, y: 2 });
  const halfway = pathPoint("M3,0A3,3 0 0,1 -3,0", 1.5 * Math.PI);
  assert.ok(Math.hypot(halfway.x, halfway.y - 3) < 1e-6);
});

Deno.test("box of a rectangle, of a path and of their group", () => {
  const rectangle = '<rect id="it" x="1" y="2" width="3" height="4"/>';
  assertBox(localBox(drawn(rectangle)), { x: 1, y: 2, width: 3, height: 4 });
  const marker = '<path id="it" d="M3,0A3,3 0 1,1 0,-3A3,3 0 0,1 3,0Z"/>';
  assertBox(localBox(drawn(marker)), { x: -3, y: -3, width: 6, height: 6 });
  const group = '<g id="it"><rect width="2" height="2" transform="translate(10,20)"/>' +
    '<defs><rect width="900" height="900"/></defs><path d="M0,0h1v1"/></g>';
  assertBox(localBox(drawn(group)), { x: 0, y: 0, width: 12, height: 22 });
});

Deno.test("the box on the page takes in every ancestor's transform", () => {
  const nested = '<g transform="translate(100,0)"><g transform="rotate(90)">' +
    '<rect id="it" transform="scale(2)" x="1" y="0" width="3" height="1"/></g></g>';
  assertBox(screenBox(drawn(nested)), { x: 98, y: 2, width: 2, height: 6 });
});

Deno.test("text stands on its baseline and is anchored as asked", () => {
  const width = textWidth("calibration", 20, plain);
  const box = (anchor: string) =>
    localBox(drawn(
      `<text id="it" x="50" y="30" style="font-size: 20px; text-anchor: ${anchor}">calibration</text>`,
    ));
  const [y, height] = [30 - 20 * ascent, 20 * (ascent + descent)];
  assertBox(box("start"), { x: 50, y, width, height });
  assertBox(box("middle"), { x: 50 - width / 2, y, width, height });
  assertBox(box("end"), { x: 50 - width, y, width, height });
});

Deno.test("lines of text lie below each other; the widest counts", () => {
  const text = drawn(
    '<text id="it" y="5" style="font-size: 10px"><tspan class="line" dy="0em">one</tspan>' +
      '<tspan class="line" dy="1.3em">a longer one</tspan></text>',
  );
  assertBox(localBox(text), {
    x: 0,
    y: 5 - 10 * ascent,
    width: textWidth("a longer one", 10, plain),
    height: 13 + 10 * (ascent + descent),
  });
});

Deno.test("type size, weight and slant are inherited, and parts of a line may differ", () => {
  const mixed = drawn(
    '<g style="font-size: 10px"><text id="it">T<tspan style="font-size:70%">i</tspan>' +
      '<tspan style="font-weight:bold">b<tspan style="font-style:italic">x</tspan></tspan></text></g>',
  );
  const expected = textWidth("T", 10, plain) + textWidth("i", 7, plain) +
    textWidth("b", 10, { bold: true, italic: false }) +
    textWidth("x", 10, { bold: true, italic: true });
  assert.ok(Math.abs(textLength(mixed) - expected) < 1e-9);
});
