import assert from "node:assert/strict";
import { gatherResults } from "../../../lib/studies/activation_aware_bitdelta/results.ts";
import { basename, join } from "node:path";
import pl from "nodejs-polars";
import { OutputError } from "../../../lib/util/errors.ts";
import { writeStudyReport } from "../../../lib/studies/activation_aware_bitdelta/report.ts";
import { readPublishedNumbers } from "../../../lib/studies/activation_aware_bitdelta/published.ts";
import { temporaryFolder } from "../../checkpoint/tiny_checkpoint.ts";
import { domainFactor, madeUpMeasurements, madeUpProtocol } from "./made_up_study.ts";

const madeUpResults = gatherResults(madeUpMeasurements(), madeUpProtocol.bootstrapSeed);

const figures = [
  "figure-1-wall-clock",
  "figure-2-code",
  "figure-3-health",
  "figure-4-finance",
  "figure-5-wikitext",
];
const tables = ["table-1-perplexity", "table-2-wall-clock", "table-fidelity", "table-claims"];

/** The cells of a Markdown table below its header, as they are seen. */
function markdownCells(text: string): string[][] {
  return text.split("\n").filter((line) => line.startsWith("|")).slice(2)
    .map((line) =>
      line.slice(1, -1).split("|").map((cell) => cell.trim().replace(/\*\*(.+?)\*\*/, "$1"))
    );
}

/** The cells between `\midrule` and `\bottomrule`, their LaTeX signs as characters again. */
function latexCells(text: string): string[][] {
  const signs: [string, string][] = [
    ["$\\rightarrow$", "→"],
    ["$-$", "−"],
    ["\\%", "%"],
    ["--", "–"],
  ];
  const bodies = Array.from(
    text.matchAll(/\\midrule\n(.*?)\n\s*\\bottomrule/gs),
    ([, body]) => body,
  );
  // Rows of two lines are kept apart; a cell's second line goes on with its first.
  const rows = bodies.flatMap((body) =>
    body.includes("addlinespace")
      ? body.split(/\n\s*\\addlinespace\[2pt\]\n/).map((row) => row.split("\n"))
      : body.split("\n").map((line) => [line])
  );
  return rows.map((lines) => {
    const cells = lines.map((line) => line.replace(/\\\\$/, "").split(" & "));
    return cells[0].map((_, column) => {
      const cell = cells.map((line) => line[column].trim()).join(" ")
        .replace(/\\textbf\{(\S+)\}/, "$1");
      return signs.reduce((plain, [latex, sign]) => plain.replaceAll(latex, sign), cell).trim();
    });
  });
}

/** The fields of a CSV file, those of an interval together: value, low, high. */
function csvCells(path: string): (string | null)[][][] {
  const frame = pl.readCSV(path, { inferSchemaLength: 0 });
  return (frame.rows() as (string | null)[][]).map((row) => {
    const cells: (string | null)[][] = [];
    frame.columns.forEach((name, index) => {
      if (/ \((low|high)\)$/.test(name)) cells[cells.length - 1].push(row[index]);
      else cells.push([row[index]]);
    });
    return cells;
  });
}

/** A cell shows the text of its field, or its numbers rounded, or that there is none. */
function assertSays(cell: string, fields: (string | null)[]): void {
  const [full, ...ends] = fields.filter((field) => field !== null);
  if (full === undefined) return assert.equal(cell, "–");
  if (full === cell) return;
  const shown = cell.replaceAll("−", "-").match(/-?\d+(\.\d+)?/g)!;
  assert.equal(shown.length, 1 + ends.length, `${cell} shows ${fields}`);
  [full, ...ends].forEach((field, index) => {
    const digits = shown[index].split(".")[1]?.length ?? 0;
    assert.equal(shown[index], Number(field).toFixed(digits));
  });
}

Deno.test("a study's report", async (t) => {
  await using folder = await temporaryFolder();
  const paths = await writeStudyReport(folder.path, madeUpResults, madeUpProtocol);
  const read = (name: string) => Deno.readTextFile(join(folder.path, name));

  await t.step("has all files, by name", () => {
    const kinds = (names: string[], extensions: string[]) =>
      names.flatMap((name) => extensions.map((extension) => `${name}.${extension}`));
    assert.deepEqual(paths.map((path) => basename(path)), [
      ...kinds(figures, ["svg", "png", "pdf", "tex", "csv", "json"]),
      ...kinds(tables, ["csv", "md", "tex"]),
    ]);
    const present = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
    assert.deepEqual(present.sort(), paths.map((path) => basename(path)).sort());
  });

  await t.step("has our numbers and the published ones beside each figure", async () => {
    const published = await readPublishedNumbers();
    const csv = (name: string) => pl.readCSV(join(folder.path, `${name}.csv`)).toRecords();
    const timings = csv("figure-1-wall-clock");
    const seconds = (source: string, method: string) =>
      timings.filter((row) => row.source === source && row.method === method)
        .map((row) => row.seconds);
    const { standard, activation_aware } = published.figure1_wall_clock_s_by_batch_size;
    assert.deepEqual(seconds("published", "distilled"), standard);
    assert.deepEqual(seconds("published", "activation-aware"), activation_aware);
    assert.deepEqual(seconds("measured", "distilled"), [12.5, 12.5]);
    assert.deepEqual(seconds("measured", "activation-aware"), [3.625, 3.625]);
    for (const [index, domain] of madeUpProtocol.domains.entries()) {
      const rows = csv(figures[index + 1]);
      const curve = published.figures2to5_perplexity_by_calibration_size[domain];
      assert.deepEqual(
        rows.filter((row) => row.source === "published").map((row) => row.perplexity),
        [curve.standard, ...curve.activation_aware],
      );
      const ours = rows.filter((row) => row.source === "measured");
      assert.equal(ours.length, 3 + 2 * (2 + 1));
      const lowest = Math.min(...ours.map((row) => row.perplexity as number));
      // The fine-tune: ∛(0.9 · 1 · 1.25) · 8, times the domain's factor.
      assert.ok(Math.abs(lowest / (8 * domainFactor[domain] * Math.cbrt(1.125)) - 1) < 1e-12);
    }
  });

  for (const name of tables) {
    await t.step(`${name} says the same in Markdown, LaTeX and CSV`, async () => {
      const markdown = markdownCells(await read(`${name}.md`));
      assert.deepEqual(latexCells(await read(`${name}.tex`)), markdown);
      const rows = csvCells(join(folder.path, `${name}.csv`));
      assert.equal(rows.length, markdown.length);
      for (const [row, cells] of markdown.entries()) {
        assert.equal(rows[row].length, cells.length);
        cells.forEach((cell, column) => assertSays(cell, rows[row][column]));
      }
    });
  }

  await t.step("knows where its numbers come from, but no time and no place", async () => {
    for (const name of figures) {
      const json = await read(`${name}.json`);
      assert.equal(json, await read(`${figures[0]}.json`));
      assert.ok(!json.includes("/somewhere") && !json.includes(folder.path));
      assert.doesNotMatch(json, /"[^"]*(\/[^"]*){2}"|\d{4}-\d\d-\d\d|\d\d:\d\d/);
    }
  });
});

Deno.test("a report that is stopped, or has nowhere to go, says so", async () => {
  await using folder = await temporaryFolder();
  const signal = AbortSignal.abort(new Error("enough"));
  const stopped = writeStudyReport(folder.path, madeUpResults, madeUpProtocol, { signal });
  await assert.rejects(stopped, /enough/);
  const file = join(folder.path, "file");
  await Deno.writeTextFile(file, "");
  await assert.rejects(writeStudyReport(file, madeUpResults, madeUpProtocol), OutputError);
});
