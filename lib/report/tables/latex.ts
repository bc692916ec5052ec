/**
 * Tables and captions of figures as LaTeX for a paper, to be `\input`: a `table` with booktabs' rules,
 * a `\caption` with its label.
 */

import { alignments, formatCells, type Table } from "./table.ts";

/**
 * A floating table with caption, `\label{tab:<label>}` and note; needs `\usepackage{array, booktabs}`.
 *
 * @param label ASCII letters, digits and hyphens
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 */
export function tableToLatex(table: Table, label: string): string {
  const line = (cells: readonly string[]) => `    ${cells.map(escapeLatex).join(" & ")} \\\\`;
  const cells = formatCells(table);
  return [
    "\\begin{table}",
    "  \\centering",
    `  \\caption{${escapeLatex(table.title.replace(ownNumber, ""))}}`,
    `  \\label{tab:${label}}`,
    `  \\begin{tabular}{${columnTypes(table, cells).join("")}}`,
    "    \\toprule",
    line(table.columns.map(({ name }) => name)),
    "    \\midrule",
    ...cells.map(line),
    "    \\bottomrule",
    "  \\end{tabular}",
    ...(table.note ? [`  \\par\\smallskip{\\footnotesize ${escapeLatex(table.note)}}`] : []),
    "\\end{table}",
    "",
  ].join("\n");
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

/** Characters of a cell from which on its column is set as a paragraph. */
const LONG = 40;

/** `l` and `r`, but paragraphs for columns with long text, which share the width that is left. */
function columnTypes(table: Table, cells: readonly (readonly string[])[]): string[] {
  const types = alignments(table);
  const isLong = types.map((type, column) =>
    type === "l" && cells.some((row) => row[column].length > LONG)
  );
  const share = (0.7 / isLong.filter(Boolean).length).toFixed(2);
  return types.map((type, column) =>
    isLong[column] ? `>{\\raggedright\\arraybackslash}p{${share}\\linewidth}` : type
  );
}

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
