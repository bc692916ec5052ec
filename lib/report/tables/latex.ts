/**
 * Tables and captions of figures as LaTeX for a paper, to be `\input`: a `table` with booktabs' rules,
 * a `\caption` with its label.
 */

import { type CellLines, latexLayout } from "./latex_layout.ts";
import type { Table } from "./table.ts";

/**
 * A floating table with caption, `\label{tab:<label>}` and note; needs `\usepackage{array, booktabs}`,
 * and `graphicx` where it is wide: a wide table spans the columns of a page, and is made smaller where
 * the page is narrower than that.
 *
 * @param label ASCII letters, digits and hyphens
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 */
export function tableToLatex(table: Table, label: string): string {
  const { isWide, types, heading, rows } = latexLayout(table);
  const environment = isWide ? "table*" : "table";
  return [
    `\\begin{${environment}}`,
    "  \\centering",
    `  \\caption{${escapeLatex(table.title.replace(ownNumber, ""))}}`,
    `  \\label{tab:${label}}`,
    ...isWide ? ["  \\footnotesize\\setlength{\\tabcolsep}{3pt}", `  ${fitted}`] : [],
    `  \\begin{tabular}{${types.join("")}}`,
    "    \\toprule",
    ...linesOf(heading),
    "    \\midrule",
    ...rows.flatMap((row, index) => [
      ...isWide && index > 0 ? ["    \\addlinespace[2pt]"] : [],
      ...linesOf(row),
    ]),
    "    \\bottomrule",
    `  \\end{tabular}${isWide ? "}" : ""}`,
    ...(table.note ? [`  \\par\\smallskip{\\footnotesize ${escapeLatex(table.note)}}`] : []),
    `\\end{${environment}}`,
    "",
  ].join("\n");
}

/** Begins a box that is as wide as what is in it, and no wider than the page. */
const fitted = "\\resizebox{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}{!}{%";

/** The lines of a row: one, or two where a cell has two. */
function linesOf(row: readonly CellLines[]): string[] {
  const lines = Math.max(...row.map(({ length }) => length));
  return Array.from({ length: lines }, (_, line) => {
    const cells = row.map((cell) => escapeLatex(cell[line] ?? ""));
    // A row that begins with a bracket would be taken for an argument of the line break before it.
    return `    ${cells.join(" & ").replace(/^\[/, "{[}")} \\\\`;
  });
}

/**
 * The caption of a figure and `\label{fig:<label>}`, for a `figure` environment of the paper's own.
 *
 * @param label ASCII letters, digits and hyphens
 */
export function captionToLatex(caption: string, label: string): string {
  return `\\caption{${escapeLatex(caption)}}\n\\label{fig:${label}}\n`;
}

/** The number that a title brings: LaTeX counts itself. */
const ownNumber = /^Table \d+\. /;

const escapes: Readonly<Record<string, string>> = {
  "#": "\\#",
  "$": "\\$",
  "%": "\\%",
  "&": "\\&",
  "_": "\\_",
  "{": "\\{",
  "}": "\\}",
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
  "|": "\\textbar{}",
  "\u00a0": "~",
  "“": "``",
  "”": "''",
  "‘": "`",
  "’": "'",
  "–": "--",
  "—": "---",
  "…": "\\ldots{}",
  "→": "$\\rightarrow$",
  "×": "$\\times$",
  "±": "$\\pm$",
  "−": "$-$",
  "≤": "$\\leq$",
  "≥": "$\\geq$",
  "∞": "$\\infty$",
  "Δ": "$\\Delta$",
  "α": "$\\alpha$",
  "β": "$\\beta$",
  "‖": "$\\|$",
};

/** Text as LaTeX prints it: its special characters, and signs that its text fonts lack. */
export function escapeLatex(text: string): string {
  return Array.from(text, (character) => escapes[character] ?? character).join("");
}
