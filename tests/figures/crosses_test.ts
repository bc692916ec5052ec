import assert from "node:assert/strict";
import { crosses } from "../../lib/figures/crosses.ts";
import type { PlacedPanel } from "../../lib/figures/panels.ts";
import { figureFrame } from "../../lib/figures/theme.ts";

const { theme } = figureFrame({});
const ticks = { values: [], texts: [] };
const panel: PlacedPanel = {
  axes: { xaxis: "x2", yaxis: "y2" },
  width: 200,
  height: 150,
  x: { type: "linear", range: [0, 10], ticks },
  y: { type: "linear", range: [0, 10], ticks },
};
const words = ["out of", "memory"];

Deno.test("each x without a value has a cross, and words where they have room", () => {
  const places = [2, 2.5, 3, 6, 9.9];
  const missing = places.map((x) => ({ x, colour: "#123456" }));
  const { annotations, boxes } = crosses(missing, words, panel, theme);
  const saying = (text: string) => annotations.filter((each) => String(each.text).includes(text));
  assert.deepEqual(saying("×").map(({ x }) => x), places);
  assert.deepEqual(saying("out of<br>memory").map(({ x }) => x), [2, 6, 9.9]);
  assert.equal(boxes.length, 3);
  for (const [index, { left, right }] of boxes.entries()) {
    assert.ok(left >= 0 && right <= panel.width);
    if (index > 0) assert.ok(left > boxes[index - 1].right);
  }
});

Deno.test("two series without a value at one x have a cross each, in their colours", () => {
  const missing = ["#111111", "#222222"].map((colour) => ({ x: 5, colour }));
  const { annotations: [cross] } = crosses(missing, words, panel, theme);
  const colours = Array.from(String(cross.text).matchAll(/color:(#\d+)">×/g), ([, each]) => each);
  assert.deepEqual(colours, ["#111111", "#222222"]);
});

Deno.test("where nothing is missing nothing is marked", () => {
  assert.deepEqual(crosses([], words, panel, theme), { annotations: [], boxes: [] });
});
