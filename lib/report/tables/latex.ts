/** Tables as LaTeX for a paper: a `table` with booktabs' rules, to be `\input`. */

import { alignments, formatCells, type Table } from "./table.ts";

/**
 * A floating table with caption, `\label{tab:<label>}` and note; needs `\usepackage{booktabs}`.
 *
 * @param label ASCII letters, digits and hyphens
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 */
export function tableToLatex(table: Table, label: string): string {
  const line = (cells: readonly string[]) => `    ${cells.map(escapeLatex).join(" & ")} \\\\`;
  return [
    "\\begin{table}",
    "  \\centering",
    `  \\caption{${escapeLatex(table.title)}}`,
    `  \\label{tab:${label}}`,
    `  \\begin{tabular}{${alignments(table).join("")}}`,
    "    \\toprule",
    line(table.columns.map(({ name }) => name)),
    "    \\midrule",
    ...formatCells(table).map(line),
    "    \\bottomrule",
    "  \\end{tabular}",
    ...(table.note ? [`  \\par\\smallskip{\\footnotesize ${escapeLatex(table.note)}}`] : []),
    "\\end{table}",
    "",
  ].join("\n");
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
