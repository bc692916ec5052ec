import assert from "node:assert/strict";
import type { ComparisonRow } from "../../../lib/studies/comparison/comparison.ts";
import { renderSvg } from "../../../lib/figures/export/svg.ts";
import type { Attributes } from "../../../lib/figures/figure.ts";
import { comparisonFigure } from "../../../lib/studies/comparison/figure.ts";
import { faultsOf, textBoxes } from "../../figures/text_boxes.ts";

const models: [ComparisonRow["method"], ComparisonRow["variant"]][] = [
  ["base", null],
  ["fine", null],
  ["initial", null],
  ["activation-aware", "corrected"],
];

/** Rows of invented models, whose KL and perplexity grow by `step` from model to model. */
function rowsOf(texts: readonly string[], step: number): ComparisonRow[] {
  return texts.flatMap((text) =>
    models.map(([method, variant], index): ComparisonRow => ({
      text,
      method,
      variant,
      settings: null,
      perplexity: 10 + index * step,
      againstFine: null,
      againstFirst: null,
      kl: index * step,
      klAgainstFirst: null,
      agreement: 0.9,
      bitsPerByte: 1,
      drawn: "1 document",
    }))
  );
}

const names = [
  "code",
  "a-long/path/to_some.texts/of-a-user-in-a-folder.jsonl",
  "中文.txt",
  "$x_1 & <b>bold</b>",
  "onewordwithnoplacetobreak".repeat(3),
];

for (const width of ["84mm", "page"] as const) {
  Deno.test(`every text has its whole name below it, ${width} wide`, async () => {
    const svg = await renderSvg(comparisonFigure("a → b", rowsOf(names, 0.1), { width }));
    assert.deepEqual(faultsOf(svg), []);
    const bare = (text: string) => text.replaceAll(/[[\] ]/g, "");
    const drawn = bare(textBoxes(svg).map(({ text }) => text).join(""));
    const shown = names.map((name) => bare(name.replace("中文", "U+4E2DU+6587")));
    for (const name of shown) assert.ok(drawn.includes(name), `${name} in ${drawn}`);
  });
}

Deno.test("models that are the fine-tune itself are drawn whole, at 0", () => {
  const { data, layout } = comparisonFigure("a → a", rowsOf(["code"], 0));
  for (const axis of ["yaxis", "yaxis2"]) {
    const { range, tickvals } = layout[axis] as { range: number[]; tickvals: number[] };
    assert.ok(range[0] < 0 && range[1] > 0 && tickvals.includes(0), String(range));
  }
  for (const { y } of data as Attributes[]) assert.deepEqual(y, [0]);
});
