/** Notebooks for tests. */

import type { CodeCell, Notebook } from "../../lib/notebooks/notebook.ts";

/** A notebook of code cells that have not run; tags may follow a source. */
export function notebookOf(...cells: (string | [source: string, ...tags: string[]])[]): Notebook {
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { display_name: "Deno", language: "typescript", name: "deno" } },
    cells: cells.map((cell, index): CodeCell => {
      const [source, ...tags] = typeof cell === "string" ? [cell] : cell;
      return {
        cell_type: "code",
        id: `c${index + 1}`,
        metadata: tags.length > 0 ? { tags } : {},
        source,
        execution_count: null,
        outputs: [],
      };
    }),
  };
}
