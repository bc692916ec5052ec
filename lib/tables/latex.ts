/**
 * Tables and captions of figures as LaTeX for a paper, to be `\input`: a `table` with booktabs' rules,
 * a `\caption` with its label. Any text is safe in them, and prints as it is, with pdflatex too.
 */

import { hasNumbers, numbered, numbersSaid } from "../figures/characters.ts";
import { type CellLines, latexLayout } from "./latex_layout.ts";
import { isBest, noteOf, type Table } from "./table.ts";

/**
 * A floating table with caption, `\label{tab:<label>}` and note; needs `\usepackage{array, booktabs,
 * graphicx}`. A wide table spans the columns of a page; any is made smaller where its column or page is
 * narrower than that. What is higher than a page goes on in tables of the same number.
 *
 * @param label ASCII letters, digits and hyphens
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 */
export function tableToLatex(table: Table, label: string): string {
  const { isWide, types, heading, rows, parts } = latexLayout(printableTable(table));
  const note = escapeLatex(noteOf(table, printable));
  const environment = isWide ? "table*" : "table";
  const title = table.title.replace(ownNumber, "");
  return parts.flatMap((start, part) => [
    `\\begin{${environment}}`,
    "  \\centering",
    ...part > 0 ? ["  \\addtocounter{table}{-1}"] : [],
    `  \\caption{${escapeLatex(part > 0 ? `${title} (continued)` : title)}}`,
    ...part === 0 ? [`  \\label{tab:${label}}`] : [],
    ...isWide ? ["  \\footnotesize\\setlength{\\tabcolsep}{3pt}"] : [],
    `  ${fitted}`,
    `  \\begin{tabular}{${types.join("")}}`,
    "    \\toprule",
    ...linesOf(heading),
    "    \\midrule",
    ...rows.slice(start, parts[part + 1]).flatMap((row, index) => [
      ...isWide && index > 0 ? ["    \\addlinespace[2pt]"] : [],
      ...linesOf(row, table.rows[start + index].map(isBest)),
    ]),
    "    \\bottomrule",
    "  \\end{tabular}}",
    ...note && part === parts.length - 1 ? [`  \\par\\smallskip{\\footnotesize ${note}}`] : [],
    `\\end{${environment}}`,
    "",
  ]).join("\n");
}

/** Begins a box that is as wide as what is in it, and no wider than its lines: a column's, or a page's. */
const fitted = "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%";

/** The lines of a row: one, or two where a cell has two; of a bold cell its number is so. */
function linesOf(row: readonly CellLines[], isBold: readonly boolean[] = []): string[] {
  const lines = Math.max(...row.map(({ length }) => length));
  return Array.from({ length: lines }, (_, line) => {
    const cells = row.map((cell, column) => {
      const text = escapeLatex(cell[line] ?? "");
      return line === 0 && isBold[column] ? text.replace(/^\S+/, "\\textbf{$&}") : text;
    });
    // A row that begins with a bracket or a star would be taken for a part of the line break before it.
    return `    ${cells.join(" & ").replace(/^[[*]/, "{$&}")} \\\\`;
  });
}

/**
 * The caption of a figure and `\label{fig:<label>}`, for a `figure` environment of the paper's own.
 *
 * @param label ASCII letters, digits and hyphens
 */
export function captionToLatex(caption: string, label: string): string {
  const written = printable(caption);
  const said = hasNumbers(written) && !written.endsWith(numbersSaid) ? ` ${numbersSaid}` : "";
  return `\\caption{${escapeLatex(written + said)}}\n\\label{fig:${label}}\n`;
}

/** The number that a title brings: LaTeX counts itself. */
const ownNumber = /^Table \d+\. /;

/** Letters that have one accent which the fonts of LaTeX can all set, and letters and signs without. */
const accented = /^[\u00c0-\u017f\u0218-\u021b]$/;
const composed = /^[a-z][\u0300-\u0304\u0306-\u0308\u030a-\u030c\u0327]$/i;
const letters = "ÆØŒŁÅßæøœłåı¡¿£§¶†‡";

const escapes: Readonly<Record<string, string>> = {
  "#": "\\#",
  "$": "\\$",
  "%": "\\%",
  "&": "\\&",
  "_": "\\_",
  "{": "\\{",
  "}": "\\}",
  "\\": "\\textbackslash{}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
  "|": "\\textbar{}",
  // The typewriter font alone has these as they are typed, in every encoding.
  "~": "\\texttt{\\char126}",
  "^": "\\texttt{\\char94}",
  '"': "\\texttt{\\char34}",
  "'": "{\\fontencoding{OT1}\\fontfamily{cmtt}\\selectfont\\char13}",
  "`": "{\\fontencoding{OT1}\\fontfamily{cmtt}\\selectfont\\char18}",
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

/** What would be read as one sign with the next: dashes, and quotes. */
const joining = /[-–—](?=[-–—])|,(?=,)|[?!](?=‘)|[‘“](?=[‘“])|[’”](?=[’”])/g;

/** An apostrophe within a word, which is set as one. */
const apostrophe = /(?<=\p{L})'(?=\p{L})/gu;

/** Stands between signs that must not join; no text has it once it is {@linkcode printable}. */
const apart = "\0";

/** Words that no line may have room for, and where they may break: at signs, else anywhere. */
const longWord = /\S{25,}/g;
const breaks = /[_/.](?=.)|[^\s_/.-]{24}(?=.)/g;
const mayBreak = "\u0001";

/**
 * Text as LaTeX prints it, character by character: its special characters, signs that its text fonts
 * lack, and what would join. What pdflatex does not set is given by its number.
 */
export function escapeLatex(text: string): string {
  const plain = printable(text).replace(longWord, (word) => word.replace(breaks, `$&${mayBreak}`))
    .replace(apostrophe, "’").replace(joining, `$&${apart}`);
  const escaped = Array.from(plain, (character) => escapes[character] ?? character).join("");
  return escaped.replaceAll(apart, "{}").replaceAll(mayBreak, "\\allowbreak{}");
}

function isPrintable(character: string): boolean {
  if (/^[ -~]$/.test(character) || character in escapes) return true;
  return letters.includes(character) ||
    accented.test(character) && composed.test(character.normalize("NFD"));
}

/** The text with numbers for what pdflatex does not set without further packages. */
function printable(text: string): string {
  return numbered(text.normalize("NFC"), isPrintable);
}

/** A table with the texts that will be printed, so that their widths are those of the print. */
function printableTable({ title, note, columns, rows }: Table): Table {
  return {
    title,
    note,
    columns: columns.map((column) => ({ ...column, name: printable(column.name) })),
    rows: rows.map((row) => row.map((cell) => typeof cell === "string" ? printable(cell) : cell)),
  };
}
