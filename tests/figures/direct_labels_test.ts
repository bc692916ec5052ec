import assert from "node:assert/strict";
import fc from "fast-check";
import { directLabels } from "../../lib/figures/direct_labels.ts";
import type { PlacedPanel } from "../../lib/figures/panels.ts";
import { lineHeight, widthOf } from "../../lib/figures/text_lines.ts";
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

/** The box of an annotation in pixels from the panel's top left. */
function boxOf({ text, x, y }: { [attribute: string]: unknown }) {
  const left = (x as number) * panel.width;
  const middle = (1 - (y as number)) * panel.height;
  const [width, height] = [widthOf(String(text), { size: theme.body }), lineHeight * theme.body];
  return { left, right: left + width, top: middle - height / 2, bottom: middle + height / 2 };
}

const straight = (from: number, to: number) => ({
  label: "some name",
  points: [0.5, 9.5].map((x, end) => ({ x, y: [from, to][end], low: null, high: null })),
});

Deno.test("names stand at their lines, on neither of them and not on each other", () => {
  const height = fc.double({ min: 0.5, max: 9.5, noNaN: true });
  fc.assert(fc.property(height, height, height, height, (a, b, c, d) => {
    fc.pre(Math.abs(a - c) > 2.5 && Math.abs(b - d) > 2.5 && Math.sign(a - c) === Math.sign(b - d));
    const series = [straight(a, b), straight(c, d)];
    const boxes = directLabels(series, panel, theme).annotations.map(boxOf);
    for (const { left, right, top, bottom } of boxes) {
      assert.ok(left >= 0 && right <= panel.width && top >= 0 && bottom <= panel.height);
      for (const { points: [from, to] } of series) {
        for (let share = 0; share <= 1; share += 0.01) {
          const x = (from.x + share * (to.x - from.x)) / 10 * panel.width;
          const y = (1 - (from.y + share * (to.y - from.y)) / 10) * panel.height;
          assert.ok(x < left || x > right || y < top || y > bottom);
        }
      }
    }
    const [one, other] = boxes;
    assert.ok(
      one.right < other.left || other.right < one.left || one.bottom <= other.top ||
        other.bottom <= one.top,
    );
  }));
});

Deno.test("a horizontal line is known from the left of the panel to its last point", () => {
  const line = { label: "line", points: [{ x: 9, y: 5, low: null, high: null }], isLine: true };
  const { annotations: [{ x, xref, yref }] } = directLabels([line], panel, theme);
  assert.ok((x as number) < 0.05);
  assert.deepEqual([xref, yref], ["x2 domain", "y2 domain"]);
});

Deno.test("a name keeps away from other words in the panel", () => {
  const line = { label: "line", points: [{ x: 9, y: 5, low: null, high: null }], isLine: true };
  const taken = { left: 0, top: 0, right: 60, bottom: 150 };
  const { annotations: [annotation] } = directLabels([line], panel, theme, [taken]);
  assert.ok(boxOf(annotation).left >= taken.right);
});
