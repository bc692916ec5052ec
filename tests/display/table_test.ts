import assert from "node:assert/strict";
import pl from "nodejs-polars";
import { recordsTable, valuesTable } from "../../lib/display/records_table.ts";
import { tableView, textView } from "../../lib/display/view.ts";
import { ReportError } from "../../lib/figures/figure.ts";
import { significant } from "../../lib/util/numbers.ts";

Deno.test("a table is Markdown and columns of text, and never HTML", () => {
  const { data, metadata } = tableView({
    title: "Sizes",
    note: "A note.",
    columns: [{ name: "Of |Δ|" }, { name: "Norm", digits: 1 }],
    rows: [["a", 3], ["b|c", 12.25]],
  });
  assert.deepEqual([data, metadata], [{
    "text/markdown": "**Sizes**\n\n| Of \\|Δ\\| | Norm |\n| :------- | ---: |\n" +
      "| a        |  3.0 |\n| b\\|c     | 12.3 |\n\nA note.\n",
    "text/plain": "Sizes\n\nOf |Δ|  Norm\n──────  ────\na        3.0\nb|c     12.3\n\nA note.",
  }, {}]);
});

Deno.test("the two ends of an interval stay together where a page is narrow", () => {
  const { data } = tableView({
    title: "",
    note: "[low, high] in 3, 4 words.",
    columns: [{ name: "One", digits: 1 }],
    rows: [[{ value: -1, low: -2.5, high: 3 }]],
  });
  assert.match(data["text/markdown"] as string, /\| −1\.0 \[−2\.5,\u00a03\.0\] \|/);
  assert.match(data["text/markdown"] as string, /\[low, high\] in 3, 4 words/);
  assert.match(data["text/plain"] as string, /−1\.0 \[−2\.5, 3\.0\]/);
});

Deno.test("a table wider than a page goes on below itself, with its first columns again", () => {
  const name = "n".repeat(50);
  const { data } = tableView({
    title: "Wide",
    columns: [{ name: "Key" }, { name: `${name}1` }, { name: `${name}2` }, { name: `${name}3` }],
    rows: [["row", 1, 2, 3]],
  });
  const [title, first, second, ...rest] = data["text/plain"].split("\n\n");
  assert.deepEqual([title, rest], ["Wide", []]);
  const lines = (block: string) => block.split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(lines(first)[0], ["Key", `${name}1`, `${name}2`]);
  assert.deepEqual(lines(first)[2], ["row", "1", "2"]);
  assert.deepEqual([lines(second)[0], lines(second)[2]], [["Key", `${name}3`], ["row", "3"]]);
});

Deno.test("a table of text alone, or of one column too wide, is one block", () => {
  const wide = "w".repeat(200);
  const { data } = tableView({ title: "", columns: [{ name: wide }], rows: [["a"]] });
  assert.equal(data["text/plain"].split("\n\n").length, 2);
  const numbers = tableView({ title: "", columns: [{ name: wide }], rows: [[1]] });
  assert.equal(numbers.data["text/plain"].split("\n\n").length, 2);
});

Deno.test("running text is Markdown and, without its marks, lines of at most 90 characters", () => {
  const { data } = textView(
    "**Figure 2.** Of `a_b_c` and _more_, 2 * 3 * 4.\n\n" + "word ".repeat(30),
  );
  const [first, ...lines] = data["text/plain"].split("\n");
  assert.equal(first, "Figure 2. Of a_b_c and more, 2 * 3 * 4.");
  assert.deepEqual(lines, ["", "word ".repeat(18).trim(), "word ".repeat(12).trim()]);
  assert.match(data["text/markdown"] as string, /^\*\*Figure 2\.\*\* Of `a_b_c`/);
});

Deno.test("values have four digits that count; whole numbers and texts stay as they are", () => {
  const { rows } = valuesTable("", { a: 1 / 3, b: 123456, c: "some", d: -2.5e-9, e: 12345.6 });
  assert.deepEqual(rows, [
    ["a", "0.3333"],
    ["b", "123456"],
    ["c", "some"],
    ["d", "−2.500e−9"],
    ["e", "12350"],
  ]);
});

Deno.test("significant digits: written out up to a thousand million, zeros kept", () => {
  assert.equal(significant(1.06, 4), "1.060");
  assert.equal(significant(27160.4, 4), "27160");
  assert.equal(significant(0.00001234567, 3), "0.0000123");
  assert.equal(significant(2e10, 2), "2.0e+10");
  assert.equal(significant(-0.5, 1), "−0.5");
  assert.equal(significant(0), "0.000");
});

const records = [
  { name: "a", perplexity: 8.125, low: 7.5, high: 9, count: 3 },
  { name: "b", perplexity: 9.5, low: null, high: null, count: 4 },
];

Deno.test("records' fields become a table's, in the order asked for, with units and intervals", () => {
  const table = recordsTable(records, {
    title: "Scores",
    note: "A note.",
    columns: [
      { of: "perplexity", name: "Perplexity", digits: 2, interval: ["low", "high"] },
      { of: "name" },
    ],
  });
  assert.deepEqual(table, {
    title: "Scores",
    note: "A note.",
    columns: [{ name: "Perplexity", digits: 2 }, { name: "name" }],
    rows: [[{ value: 8.125, low: 7.5, high: 9 }, "a"], [9.5, "b"]],
  });
});

Deno.test("what polars computes of a frame can be shown", () => {
  const frame = pl.readRecords([...records, { ...records[0], name: "b", perplexity: 10.5 }]);
  const means = frame.groupBy("name").agg(pl.col("perplexity").mean(), pl.col("count").sum())
    .sort("name");
  const { rows } = recordsTable(means.toRecords(), {
    title: "",
    columns: [{ of: "name" }, { of: "perplexity" }, { of: "count" }],
  });
  assert.deepEqual(rows, [["a", 8.125, 3], ["b", 10, 7]]);
});

Deno.test("whole numbers of 64 bits and missing values are cells too", () => {
  const frame = pl.DataFrame([
    pl.Series("large", [1, 2], pl.Float64).cast(pl.UInt64),
    pl.Series("known", [1.5, null], pl.Float64),
  ]);
  const { rows } = recordsTable(frame.toRecords(), {
    title: "",
    columns: [{ of: "large" }, { of: "known" }],
  });
  assert.deepEqual(rows, [[1, 1.5], [2, null]]);
});

Deno.test("a column that is not there, or holds neither numbers nor text, is refused", () => {
  const frame = pl.DataFrame({ a: [1], yes: [true] });
  const show = (of: string) => () =>
    recordsTable(frame.toRecords(), { title: "T", columns: [{ of }] });
  const refused = (pattern: RegExp) => (error: unknown) =>
    error instanceof ReportError && pattern.test(error.message);
  assert.throws(show("b"), refused(/column of 'T'.*got 'b'; expected a, yes/));
  assert.throws(show("yes"), refused(/column of 'T'.*got 'yes'; expected numbers or text/));
});
