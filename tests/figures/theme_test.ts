import assert from "node:assert/strict";
import { OptionError } from "../../lib/util/errors.ts";
import { figureFrame } from "../../lib/figures/theme.ts";

/** Pixels of 1/96 inch as millimetres. */
const millimetres = (pixels: number) => pixels / 96 * 25.4;

const widths: [width: unknown, expected: number][] = [
  ["column", 85],
  ["page", 175],
  ["84mm", 84],
  ["120.5mm", 120.5],
  [60, 60],
  ["3.3in", 83.82],
  [undefined, 175],
];

for (const [width, expected] of widths) {
  Deno.test(`width ${width} is ${expected} mm to half a pixel`, () => {
    const pixels = figureFrame({ width }).width;
    assert.ok(Number.isInteger(pixels));
    assert.ok(Math.abs(millimetres(pixels) - expected) <= 25.4 / 96 / 2);
  });
}

Deno.test("type is 7 points or more in both themes, and larger on slides", () => {
  const [paper, talk] = (["paper", "talk"] as const).map((theme) => figureFrame({ theme }).theme);
  for (const { body, title } of [paper, talk]) {
    for (const size of [body, title]) assert.ok(size * 72 / 96 >= 7);
  }
  for (const key of Object.keys(paper) as (keyof typeof paper)[]) {
    assert.ok(talk[key] > paper[key], key);
  }
  assert.equal(figureFrame({}).theme, paper);
});

const refused: [
  options: { width?: unknown; theme?: unknown; panels?: unknown },
  message: RegExp,
][] = [
  [{ theme: "poster" }, /option '--theme': names no theme: got 'poster'; expected paper or talk/],
  [{ theme: "toString" }, /option '--theme': names no theme: got 'toString'/],
  [{ theme: 3 }, /option '--theme': names no theme: got 3/],
  [
    { width: "wide" },
    /option '--width': is no width of a figure: got 'wide'; expected column, page, or 56mm to 1000mm \(or inches, as 3.3in\) in theme 'paper'/,
  ],
  [{ width: "84" }, /got '84'/],
  [{ panels: "ours" }, /option '--panels': names no panels: got 'ours'; expected all or measured/],
  [{ width: "2in" }, /got '2in'/],
  [{ width: "in" }, /got 'in'/],
  [{ width: "84cm" }, /got '84cm'/],
  [{ width: "-84mm" }, /got '-84mm'/],
  [{ width: "30mm" }, /got '30mm'; expected .*56mm/],
  [{ width: "60mm", theme: "talk" }, /got '60mm'; expected .* 83mm to 1000mm .* in theme 'talk'/],
  [{ width: "2000mm" }, /got '2000mm'/],
  [{ width: NaN }, /got NaN/],
];

for (const [options, message] of refused) {
  Deno.test(`${JSON.stringify(options)} is refused`, () => {
    assert.throws(() => figureFrame(options, "--"), (error) => {
      assert.ok(error instanceof OptionError);
      assert.match(error.message, message);
      return true;
    });
  });
}
