/** Names as people give them to folders, in every format: they show as they are, or by numbers. */

import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import pl from "nodejs-polars";
import { calibrationSizeFindings } from "../../lib/studies/activation_aware_bitdelta/findings.ts";
import { plainParagraphs, plainTable } from "../../lib/display/plain_text.ts";
import { showFigure } from "../../lib/display/show.ts";
import { textView } from "../../lib/display/view.ts";
import { captionOf } from "../../lib/figures/figure.ts";
import { numbersSaid, visible } from "../../lib/figures/characters.ts";
import { exportFigure } from "../../lib/figures/export/figure_files.ts";
import { renderSvg } from "../../lib/figures/export/svg.ts";
import { seriesFigure } from "../../lib/figures/own_series.ts";
import { wallClockFigure } from "../../lib/studies/activation_aware_bitdelta/figures/wall_clock.ts";
import { tableToCsv } from "../../lib/tables/csv.ts";
import { captionToLatex, tableToLatex } from "../../lib/tables/latex.ts";
import { escapeMarkdown, tableToMarkdown } from "../../lib/tables/markdown.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { recordingScreen } from "../display/recording_screen.ts";
import { testWithProgram, testWithPrograms } from "./programs.ts";
import {
  sampleCalibrationRows,
  sampleWallClockRows,
} from "../studies/activation_aware_bitdelta/sample_rows.ts";
import { faultsOf } from "./text_boxes.ts";

/** Each with what LaTeX prints of it where that differs, as `pdftotext` reads it. */
const names: [name: string, printed?: string][] = [
  ["models--org--x"],
  ["a---b----c"],
  ["-–-—-", "-–-—-"],
  ["O'Reilly's 'x' ''y'' `z` ``w``", "O’Reilly’s'x'''y''`z```w``"],
  ['"quoted" ""'],
  ["?`what !`how ,,low <<in>>"],
  ["50 % of a & b # c $ d ~ e ^ f \\ {g} h|i"],
  ["[x] first", "[x]first"],
  ["* starred"],
  ["gęślą jaźń", "g[U+0119]śl[U+0105] jaźń"],
  ["Ærøskøbing, Crème, Ñandú, ﬁ", "Ærøskøbing, Crème, Ñandú, [U+FB01]"],
  ["e\u0301te\u0301", "été"],
  ["中文模型-7B", "[U+4E2D U+6587 U+6A21 U+578B]-7B"],
  ["日本語 → 한국어", "[U+65E5 U+672C U+8A9E] → [U+D55C U+AD6D U+C5B4]"],
  ["שלום", "[U+05E9 U+05DC U+05D5 U+05DD]"],
  ["модель", "[U+043C U+043E U+0434 U+0435 U+043B U+044C]"],
  ["🦙 llama", "[U+1F999] llama"],
  ["bell\u0007 and\nbreak\ttab", "bell[U+0007] and[U+000A]break[U+0009]tab"],
  ["\u202egnp.exe\u202c \ud800", "[U+202E]gnp.exe[U+202C] [U+D800]"],
  ["=HYPERLINK(1)"],
  ["\\end{tabular}\\input{/etc/passwd}% $x$"],
];

const table = (name: string) => ({
  title: `Title ${name}`,
  note: `Note ${name}`,
  columns: [{ name }, { name: "Value", digits: 2 }],
  rows: [["first", 1], [name, 2]],
});

const without = (text: string, what: RegExp) => text.replace(what, "");

/** The first thousand characters, fifty to a name. */
const letters = Array.from(
  { length: 20 },
  (
    _,
    row,
  ) => [String.fromCodePoint(...Array.from({ length: 50 }, (_, column) => 50 * row + column))],
);

const quietly = ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"];

for (const [encoding, preamble] of [["OT1", ""], ["T1", "\\usepackage[T1]{fontenc}"]]) {
  testWithProgram("pdflatex", `every name is typeset, in ${encoding}`, async (pdflatex) => {
    await using folder = await temporaryFolder();
    const inputs = [...names, ...letters].flatMap(([name], index) => {
      Deno.writeTextFileSync(join(folder.path, `t${index}.tex`), tableToLatex(table(name), "t"));
      Deno.writeTextFileSync(join(folder.path, `c${index}.tex`), captionToLatex(name, "c"));
      return [
        `\\input{t${index}}`,
        `\\begin{figure}\\input{c${index}}\\end{figure}`,
        "\\clearpage",
      ];
    });
    await Deno.writeTextFile(
      join(folder.path, "paper.tex"),
      `\\documentclass{article}${preamble}\\usepackage{graphicx,array,booktabs}\\begin{document}
\\listoftables ${inputs.join("\n")}\\end{document}`,
    );
    await pdflatex(quietly, folder.path);
    const log = await pdflatex(quietly, folder.path);
    assert.match(log, /Output written on/);
    assert.doesNotMatch(log, /Missing character|unavailable in encoding/);
  });
}

testWithProgram("pdflatex", "no name runs out of its column", async (pdflatex) => {
  await using folder = await temporaryFolder();
  const long = ["x".repeat(200), "a-long_name/of.a-model".repeat(9), "a name of words ".repeat(12)];
  const inputs = [...long, ...names.map(([name]) => name)].map((name, index) => {
    Deno.writeTextFileSync(join(folder.path, `t${index}.tex`), tableToLatex(table(name), "t"));
    return `\\input{t${index}}\\begin{figure}${captionToLatex(name, "c")}\\end{figure}\\clearpage`;
  });
  await Deno.writeTextFile(
    join(folder.path, "paper.tex"),
    `\\documentclass[twocolumn]{article}\\usepackage{graphicx,array,booktabs}\\begin{document}
${inputs.join("\n")}\\end{document}`,
  );
  const log = await pdflatex(quietly, folder.path);
  assert.match(log, /Output written on/);
  assert.doesNotMatch(log, /Overfull \\hbox/);
});

testWithPrograms(
  ["pdflatex", "pdftotext"],
  "LaTeX prints the very characters, or their numbers",
  async (pdflatex, pdftotext) => {
    await using folder = await temporaryFolder();
    const captions = names.map(([name]) =>
      `\\begin{figure}${captionToLatex(name, "c")}\\end{figure}\\clearpage`
    );
    const paper = ["\\documentclass{article}\\begin{document}", ...captions, "\\end{document}"];
    await Deno.writeTextFile(join(folder.path, "paper.tex"), paper.join("\n"));
    await pdflatex(quietly, folder.path);
    const pages = (await pdftotext(["-raw", "paper.pdf", "-"], folder.path)).split("\f");
    const bare = (text: string) => without(text.normalize("NFC"), /\s/g);
    names.forEach(([name, printed = name], index) => {
      const said = bare(pages[index]);
      assert.ok(said.startsWith(bare(`Figure ${index + 1}: ${printed}`)), `${said} of ${printed}`);
      assert.equal(said.includes("[U+...]"), printed.includes("[U+"), said);
    });
  },
);

Deno.test("a CSV has no formula, and nothing that cannot be seen", async () => {
  const starts = ["=", "+", "-", "@", "\t=", "\r=", " =", "＝", "＋", "－", "＠"];
  for (const name of [...starts.map((start) => `${start}1+1`), ...names.map(([each]) => each)]) {
    const text = await tableToCsv(table(name));
    const read = pl.readCSV(text, { inferSchemaLength: 0, hasHeader: false });
    for (const cell of [read.row(0)[0], read.row(2)[0]] as string[]) {
      assert.doesNotMatch(cell, /^\s*[=+\-@＝＋－＠]/u, JSON.stringify(cell));
      assert.equal(without(cell, /^'(?=\s*[=+\-@＝＋－＠])/u), visible(name));
    }
  }
});

Deno.test("columns of one name, or that look alike once written, are told apart in a CSV", async () => {
  const columns = ["a", "a", "a (2)", "b\u0001", "b[U+0001]"].map((name) => ({ name }));
  const written = await tableToCsv({ title: "", columns, rows: [[1, 2, 3, 4, 5]] });
  assert.equal(written, "a,a (2),a (2) (2),b[U+0001],b[U+0001] (2)\n1,2,3,4,5\n");
});

Deno.test("numbers below zero stay numbers in a CSV", async () => {
  const rows = [["a", -1.5], ["b", "-1.5"]];
  const written = await tableToCsv({ title: "", columns: [{ name: "x" }, { name: "y" }], rows });
  assert.equal(written, "x,y\na,-1.5\nb,'-1.5\n");
});

Deno.test("Markdown shows names as text", () => {
  const shown: [string, string][] = [
    ["<script>x</script>", "&#60;script>x&#60;/script>"],
    ["a|b `c` *d* _e_ f_g ~~h~~", "a\\|b \\`c\\` \\*d\\* \\_e\\_ f_g \\~\\~h\\~\\~"],
    ["![x](y) [x][y] [46.1, 54.9]", "![x&#93;(y) [x&#93;[y] [46.1, 54.9]"],
    ["$x$ \\[y\\] &amp; R&D :cat:", "&#36;x&#36; &#92;[y&#92;] &#38;amp; R&D &#58;cat:"],
    ["a\nb\u0007 中文 שלום 🦙", "a[U+000A]b[U+0007] 中文 שלום 🦙"],
  ];
  for (const [name, markdown] of shown) {
    const text = tableToMarkdown(table(name));
    assert.ok(text.startsWith(`**Title ${markdown}**\n`), text);
    assert.equal(text.split(`| ${markdown} `).length, 3, text);
    const said = markdown.includes("[U+") ? ` ${numbersSaid}` : "";
    assert.ok(text.endsWith(`\nNote ${markdown}${said}\n`), text);
    assert.equal(plainParagraphs(escapeMarkdown(name)), visible(name));
  }
});

Deno.test("a Markdown table keeps its cells, whatever they hold", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (name) => {
    const rows = tableToMarkdown(table(name)).split("\n").filter((line) => line.startsWith("|"));
    assert.equal(rows.length, 4);
    for (const row of rows) assert.equal(row.match(/(?<!\\)\|/g)!.length, 3, row);
    assert.doesNotMatch(rows.join(""), /[<`](?<!\\`)/);
  }));
});

for (const [name] of names) {
  Deno.test(`a figure has a glyph for all of ${JSON.stringify(name)}`, async () => {
    const rows = sampleWallClockRows().map((row) => ({ ...row, pair: name }));
    const svg = await renderSvg(wallClockFigure(rows, rows, { width: "84mm" }));
    assert.deepEqual(faultsOf(svg), []);
    assert.doesNotMatch(svg, /[^\P{C}\n]/u);
    assert.doesNotMatch(svg, /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hebrew}🦙]/u);
    const isNumbered = /[\p{Script=Han}\p{Script=Hebrew}🦙\p{Cc}\p{Cs}]/u.test(name);
    assert.equal(svg.includes("[U+"), isNumbered);
  });
}

testWithProgram("xmllint", "figures of every name are well-formed", async (xmllint) => {
  await using folder = await temporaryFolder();
  const pair = names.map(([name]) => name).join(" ");
  const rows = sampleWallClockRows().map((row) => ({ ...row, pair }));
  const paths = await exportFigure(wallClockFigure(rows, rows), join(folder.path, "names"));
  assert.equal(await xmllint(["--noout", paths[0]]), "");
});

Deno.test("names in captions and findings are text, as a terminal shows them too", () => {
  const pair = "a_b_c *d* `e` <b>f</b> [g](h) $i$ \\[j\\] **k** _l_ m|n ~o~ &amp;";
  const rows = sampleCalibrationRows().map((row) => ({ ...row, pair }));
  const { data } = textView(calibrationSizeFindings(rows));
  assert.ok(data["text/plain"].replaceAll("\n", " ").startsWith(`${pair}, code. `));
  assert.ok(String(data["text/markdown"]).startsWith(`**${escapeMarkdown(pair)}, code.** `));
});

Deno.test("a caption says what numbers stand for where its figure alone has them", async () => {
  const draw = (series: string) =>
    seriesFigure([{ series, x: 1, y: 1 }], { xTitle: "", yTitle: "" });
  for (const [name, isNumbered] of [["中文", true], ["модель", false], ["a", false]] as const) {
    const screen = recordingScreen();
    await showFigure(draw(name), "A caption.", screen);
    const shown = screen.shown.map(({ data }) => data["text/plain"].replaceAll("\n", " "));
    for (const text of shown) assert.equal(text.includes(numbersSaid), isNumbered, text);
    assert.equal(
      captionToLatex(captionOf(draw(name), `Of ${name}.`), "x").split("[U+").length,
      { 中文: 3, модель: 3, a: 1 }[name],
    );
  }
});

Deno.test("a table in a terminal has no character that moves its cursor", () => {
  const plain = plainTable(table("\u001b[2Jgone\r\u0085"));
  assert.doesNotMatch(plain, /[^\P{C}\n]/u);
  assert.equal(plain.split("[U+001B][2Jgone[U+000D U+0085]").length, 5);
  assert.ok(plain.replaceAll("\n", " ").endsWith(` ${numbersSaid}`));
});
