/** Names and values in a card's prose, where no character of theirs may mean anything. */

/** A text as code in a line: no line ends in it, and a fence longer than what it holds. */
export function code(text: string): string {
  const line = oneLine(text);
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const space = /^`|`$|^ .* $/.test(line) ? " " : "";
  return `${fence}${space}${line || " "}${space}${fence}`;
}

/** A table of two columns, of Markdown texts. */
export function rowsOf(rows: readonly (readonly [name: string, value: string])[]): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  return ["| | |", "|:-|:-|", ...rows.map((row) => `| ${row.map(cell).join(" | ")} |`)].join("\n");
}

/** A text that a shell takes as one word, as it is. */
export function shellWord(text: string): string {
  const line = oneLine(text);
  return /^[\w./:@%+=-]+$/.test(line) ? line : `'${line.replaceAll("'", `'\\''`)}'`;
}

/** A block of commands. */
export function commands(lines: readonly string[]): string {
  const text = lines.join("\n");
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

/** A text in one line of prose, its marks of Markdown and HTML without effect. */
export function prose(text: string): string {
  return oneLine(text).replace(/[\\`*_{}[\]<>#|~!&]/g, "\\$&");
}

function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex -- these are what is taken out
  return text.toWellFormed().replace(/[\s\x00-\x1f\x7f-\x9f]+/g, " ").trim();
}
