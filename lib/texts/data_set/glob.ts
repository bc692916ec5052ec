/** Patterns of paths as data sets name their files by, read as `fsspec` 2023.12 and later read them. */

/**
 * What a pattern matches: `*` and `?` any characters of one name, `[a-c]` and `[!a-c]` one of some, and `**`
 * as a whole part any folders, at the end all below. Paths are relative, with slashes.
 *
 * @returns `null` if it is no such pattern: `**` is only a part of a name.
 */
export function globPattern(pattern: string): RegExp | null {
  const parts = pattern.replace(/^\.\//, "").split("/");
  if (parts.some((part) => part.includes("**") && part !== "**")) return null;
  const last = parts.length - 1;
  const source = parts.map((part, index) => {
    if (part === "**") return index === last ? ".*" : "(?:.+/)?";
    return (part === "*" ? "[^/]+" : nameSource(part)) + (index === last ? "" : "/");
  });
  return new RegExp(`^${source.join("")}$`, "su");
}

/** The folder that all matches of a pattern lie in; `""` if it may be any. */
export function globFolder(pattern: string): string {
  const parts = pattern.replace(/^\.\//, "").split("/");
  const first = parts.findIndex((part) => /[*?[]/.test(part));
  return parts.slice(0, first < 0 ? parts.length - 1 : Math.min(first, parts.length - 1)).join("/");
}

function nameSource(part: string): string {
  return part.replace(/\[!?\]?[^\]]*\]|[^]/gu, (piece) => {
    if (piece === "*") return "[^/]*";
    if (piece === "?") return "[^/]";
    if (piece.length > 2 && piece.startsWith("[") && piece.endsWith("]")) {
      const isNot = piece.startsWith("[!");
      const set = piece.slice(isNot ? 2 : 1, -1).replace(/[\\[\]^]/g, "\\$&");
      return `(?!/)[${isNot ? "^" : ""}${set.replace(/^-|-$/g, "\\-")}]`;
    }
    return piece.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  });
}
