import assert from "node:assert/strict";
import fc from "fast-check";
import pl from "nodejs-polars";
import { ReportError } from "../../lib/figures/figure.ts";
import { rowsToCsv, tableToCsv } from "../../lib/tables/csv.ts";
import { escapeLatex, tableToLatex } from "../../lib/tables/latex.ts";
import { tableToMarkdown } from "../../lib/tables/markdown.ts";
import type { Table } from "../../lib/tables/table.ts";

const table: Table = {
  title: "Perplexity of four pairs, 50% of the text",
  note: "95 % intervals; published numbers are of 7B pairs.",
  columns: [
    { name: "Source" },
    { name: "Pair" },
    { name: "Perplexity", digits: 2 },
    { name: "Rows", digits: 0 },
  ],
  rows: [
    ["measured", "a_1 → b|c", 8.878828, 32],
    ["published", "7B, chat", null, 1024],
  ],
};

Deno.test("a table as CSV keeps every digit and quotes what needs it", async () => {
  assert.equal(
    await tableToCsv(table),
    "Source,Pair,Perplexity,Rows\n" +
      "measured,a_1 → b|c,8.878828,32\n" +
      'published,"7B, chat",,1024\n',
  );
});

Deno.test("a table as Markdown is aligned, rounded and escaped", () => {
  assert.equal(
    tableToMarkdown(table),
    `**Perplexity of four pairs, 50% of the text**

| Source    | Pair       | Perplexity | Rows |
| :-------- | :--------- | ---------: | ---: |
| measured  | a_1 → b\\|c |       8.88 |   32 |
| published | 7B, chat   |          – | 1024 |

95 % intervals; published numbers are of 7B pairs.
`,
  );
});

Deno.test("a table as LaTeX has booktabs' rules, caption, label and note", () => {
  assert.equal(
    tableToLatex(table, "four-pairs"),
    String.raw`\begin{table}
  \centering
  \caption{Perplexity of four pairs, 50\% of the text}
  \label{tab:four-pairs}
  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%
  \begin{tabular}{llrr}
    \toprule
    Source & Pair & Perplexity & Rows \\
    \midrule
    measured & a\_1 $\rightarrow$ b\textbar{}c & 8.88 & 32 \\
    published & 7B, chat & -- & 1024 \\
    \bottomrule
  \end{tabular}}
  \par\smallskip{\footnotesize 95 \% intervals; published numbers are of 7B pairs.}
\end{table}
`,
  );
});

Deno.test("a table without a note ends with its last row", () => {
  const bare = { title: "T", columns: [{ name: "a" }], rows: [["x"]] };
  assert.equal(tableToMarkdown(bare), "**T**\n\n| a  |\n| :- |\n| x  |\n");
  assert.ok(tableToLatex(bare, "t").endsWith("\\end{tabular}}\n\\end{table}\n"));
});

Deno.test("LaTeX's special characters and our signs are escaped", () => {
  assert.equal(escapeLatex("a_b & 5% #1 {x} $y"), "a\\_b \\& 5\\% \\#1 \\{x\\} \\$y");
  assert.equal(
    escapeLatex("\\~^"),
    "\\textbackslash{}\\texttt{\\char126}\\texttt{\\char94}",
  );
  assert.equal(escapeLatex("Δ × α → ±"), "$\\Delta$ $\\times$ $\\alpha$ $\\rightarrow$ $\\pm$");
  assert.equal(escapeLatex("plain words, 1.5"), "plain words, 1.5");
  assert.equal(escapeLatex("a<b>c|d “e”"), "a\\textless{}b\\textgreater{}c\\textbar{}d ``e''");
});

Deno.test("escaped text has no character that LaTeX would act upon", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    const written = escapeLatex(text)
      .replace(/\\text[a-z]+\{\}|\\texttt\{\\char\d+\}|\\[#$%&_{}]/g, "")
      .replaceAll(/\{\\fontencoding\{OT1\}\\fontfamily\{cmtt\}\\selectfont\\char\d+\}/g, "")
      .replaceAll("{}", "");
    assert.ok(!/[#$%&_{}~^\\<>|]/.test(written), written);
  }));
});

Deno.test("rows as CSV are read back by polars as they were", async () => {
  const cell = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(null));
  const word = fc.stringMatching(/^[a-z][a-z ,"'→]*$/);
  const row = fc.record({ pair: word, size: fc.integer({ min: 0, max: 1e9 }), value: cell });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), async (rows) => {
      const read = pl.readCSV(await rowsToCsv(rows), { inferSchemaLength: 10 }).toRecords();
      const expected = rows.map((one) => ({ ...one, value: one.value === 0 ? 0 : one.value }));
      assert.deepEqual(
        read.map((one) => ({ ...one, value: one.value === 0 ? 0 : one.value })),
        expected,
      );
    }),
    { numRuns: 50 },
  );
});

Deno.test("whole numbers stay whole, and a missing one stays missing", async () => {
  const rows = [{ size: null, value: 1.5 }, { size: 32, value: null }];
  assert.equal(await rowsToCsv(rows), "size,value\n,1.5\n32,\n");
});

for (const write of [tableToCsv, tableToMarkdown, (one: Table) => tableToLatex(one, "t")]) {
  Deno.test(`a row of another length is refused: ${write.name || "tableToLatex"}`, async () => {
    await assert.rejects(
      async () => await write({ ...table, rows: [["measured", "a"]] }),
      (error) => {
        assert.ok(error instanceof ReportError);
        assert.match(error.message, /row 0 .* got '2 cells'; expected 4 cells/);
        return true;
      },
    );
  });
}
