/** When a table is laid out wide, and what becomes of its cells then. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { tableToLatex } from "../../lib/tables/latex.ts";
import { latexLayout } from "../../lib/tables/latex_layout.ts";
import type { Table } from "../../lib/tables/table.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { testWithProgram } from "../figures/programs.ts";

const interval = { value: 152.4567, low: 1.2, high: 200 };
const wide: Table = {
  title: "Table 7. Wide",
  columns: [
    { name: "Pair" },
    ...["Distilled", "Initial", "Aware"].map((name) => ({
      name: `${name} (corrected)`,
      digits: 1,
    })),
  ],
  rows: [["a-base → a-fine-tune-of-it", interval, 3, null], ["b", interval, interval, interval]],
};

Deno.test("a table that fits a column of text has one line a row", () => {
  const narrow = { ...wide, columns: wide.columns.slice(0, 2), rows: [["a → b", interval]] };
  const { isWide, types, heading, rows } = latexLayout(narrow);
  assert.equal(isWide, false);
  assert.deepEqual(types, ["l", "r"]);
  assert.deepEqual(heading, [["Pair"], ["Distilled (corrected)"]]);
  assert.deepEqual(rows, [[["a → b"], ["152.5 [1.2, 200.0]"]]]);
});

Deno.test("the cells of a wide table have two lines where they have two parts", () => {
  const { isWide, heading, rows } = latexLayout(wide);
  assert.equal(isWide, true);
  assert.deepEqual(heading.slice(0, 2), [["", "Pair"], ["Distilled", "(corrected)"]]);
  const number = ["152.5", "[1.2, 200.0]"];
  assert.deepEqual(rows, [
    [["a-base →", "a-fine-tune-of-it"], number, ["3.0"], ["–"]],
    [["b"], number, number, number],
  ]);
});

Deno.test("a wide table spans the page, in smaller type, its rows apart", () => {
  const text = tableToLatex(wide, "wide");
  assert.match(text, /^\\begin\{table\*\}[^]*\\footnotesize[^]*\\resizebox[^]*\\end\{table\*\}\n$/);
  const body = text.split("\\midrule\n")[1].split("    \\bottomrule")[0];
  assert.equal(
    body,
    String.raw`    a-base $\rightarrow$ & 152.5 & 3.0 & -- \\
    a-fine-tune-of-it & [1.2, 200.0] &  &  \\
    \addlinespace[2pt]
    b & 152.5 & 152.5 & 152.5 \\
     & [1.2, 200.0] & [1.2, 200.0] & [1.2, 200.0] \\
`,
  );
});

Deno.test("columns of sentences share what others leave of a wide table", () => {
  const sentence = "many words that say why, at a length that no column of a page has room for";
  const { types, rows } = latexLayout({
    title: "T",
    columns: [{ name: "Why" }, { name: "Verdict" }, { name: "How (in short)" }],
    rows: [[sentence, "holds", "it is so (x)".repeat(4 * sentence.length / 12)]],
  });
  // 90 characters across a page, less a word of 7 and three gaps of 2.5: a third, and two thirds.
  const share = (90 - 7 - 3 * 2.5) / 90;
  const [first, second, third] = types;
  const width = (type: string) => Number(/^>.*p\{(0\.\d\d)\\textwidth\}$/.exec(type)![1]);
  assert.equal(width(first), Number((share / 3).toFixed(2)));
  assert.equal(second, "l");
  assert.equal(width(third), Number((2 * share / 3).toFixed(2)));
  assert.deepEqual(rows[0].map(({ length }) => length), [1, 1, 1]);
});

const sentences = "many words that say why, one after the other. ".repeat(8);
const long: Table = {
  title: "Long",
  note: "A note.",
  columns: ["Claim", "By", "Because"].map((name) => ({ name })),
  rows: Array.from({ length: 24 }, (_, row) => [`row ${row}: ${sentences}`, "ours", sentences]),
};

Deno.test("a table higher than a page goes on in tables of its number, with its note at the end", () => {
  const text = tableToLatex(long, "long");
  const parts = text.split("\\begin{table*}").slice(1);
  assert.ok(parts.length > 2);
  assert.deepEqual(text.match(/row \d+/g), long.rows.map((_, row) => `row ${row}`));
  parts.forEach((part, index) => {
    assert.equal(part.includes("\\label{tab:long}"), index === 0);
    assert.equal(part.includes("\\addtocounter{table}{-1}"), index > 0);
    assert.equal(part.includes("\\caption{Long (continued)}"), index > 0);
    assert.equal(part.includes("A note."), index === parts.length - 1);
    const rows = part.match(/row \d+/g)!.length;
    assert.ok(Math.abs(rows - long.rows.length / parts.length) <= 1, String(rows));
  });
  assert.equal(tableToLatex({ ...long, rows: [] }, "none").match(/begin\{table\}/g)!.length, 1);
});

const classes = ["", "[twocolumn]", "[a4paper,twocolumn]"];
testWithProgram("pdflatex", "no part of a long table is higher than its page", async (pdflatex) => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(join(folder.path, "long.tex"), tableToLatex(long, "long"));
  for (const options of classes) {
    await Deno.writeTextFile(
      join(folder.path, "paper.tex"),
      `\\documentclass${options}{article}\\usepackage{graphicx,array,booktabs}\\begin{document}
\\input{long}\\end{document}`,
    );
    const log = await pdflatex(["-interaction=nonstopmode", "paper.tex"], folder.path);
    assert.match(log, /Output written on/);
    assert.doesNotMatch(log, /Float too large/);
  }
});

Deno.test("a line of LaTeX that begins with a bracket is no argument of what is before it", () => {
  const bare = { title: "T", columns: [{ name: "a" }], rows: [["x"], ["[y]"]] };
  assert.match(tableToLatex(bare, "t"), / x \\\\\n {4}\{\[\}y\] \\\\\n/);
});
