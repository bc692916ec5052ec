/**
 * Parameters of a notebook, as papermill has them: a cell tagged `parameters` declares names with
 * their defaults; a run with other values gets a cell tagged `injected-parameters` after it.
 *
 * Source: https://papermill.readthedocs.io/en/latest/usage-parameterize.html
 */

import type { Program, VariableDeclaration } from "acorn";
import { OptionError } from "../util/errors.ts";
import { NotebookError } from "./errors.ts";
import { type Cell, type CodeCell, hasTag, type Notebook } from "./notebook.ts";
import { UniqueIds } from "./mend.ts";
import { isMethodParameter, readMethod } from "./method_parameter.ts";
import { type Literal, literalOf, readValue, sourceOf } from "./parameter_value.ts";
import { parseCell } from "./parse_cell.ts";

/** A name that a notebook declares in its parameters cell. */
export interface Parameter {
  name: string;
  kind: VariableDeclaration["kind"];
  /** The default, where it is written out. */
  literal?: Literal;
}

/**
 * The parameters of a notebook; none if no cell is tagged `parameters`.
 *
 * @param file names the notebook in errors.
 * @throws {NotebookError} if the cell cannot be parsed, or two cells are tagged.
 */
export function readParameters(notebook: Notebook, file: string): Parameter[] {
  const tagged = notebook.cells.filter((cell) => hasTag(cell, "parameters"));
  if (tagged.length > 1) {
    throw new NotebookError({
      problem: "has more than one cell tagged 'parameters'",
      file,
      value: tagged.length,
      expected: "one",
    });
  }
  return tagged.length === 0 ? [] : declared(tagged[0].source, file);
}

/**
 * A copy of a notebook with other values for some of its parameters.
 *
 * A value keeps the type of the default: of a text, a number, a truth value, a list of one of these or
 * an object; where that names a method, the value is held to the method's settings. Where the default is
 * not written out it is read as JSON, and as a text where it is not JSON.
 *
 * @param values by name, as they were given.
 * @param file names the notebook in errors.
 * @throws {OptionError} if the notebook has no such parameter, its default is of another type, or the value
 *   is a number that JavaScript cannot hold: an integer beyond 2⁵³, or one beyond all bounds.
 * @throws {NotebookError} as {@linkcode readParameters}.
 *
 * @example
 * ```ts
 * import { type Notebook, withParameters } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const notebook: Notebook = {
 *   ...{ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec: { name: "deno" } } },
 *   cells: [{
 *     ...{ cell_type: "code", id: "a", metadata: { tags: ["parameters"] } },
 *     ...{ source: "const seed = 1;", execution_count: null, outputs: [] },
 *   }],
 * };
 * const { cells } = withParameters(notebook, new Map([["seed", "2"]]), "a.ipynb");
 * assert.equal(cells[1].source, "const seed = 2;");
 * ```
 */
export function withParameters(
  notebook: Notebook,
  values: ReadonlyMap<string, string>,
  file: string,
): Notebook {
  if (values.size === 0) return notebook;
  const parameters = readParameters(notebook, file);
  const assignments = [...values].map(([name, text]) => {
    const parameter = parameters.find((parameter) => parameter.name === name);
    if (!parameter) {
      throw new OptionError({
        problem: "has no such parameter",
        file,
        option: "--parameter",
        value: name,
        expected: parameters.length === 0
          ? "none, as no cell declares any"
          : `one of ${parameters.map((parameter) => parameter.name).join(", ")}`,
      });
    }
    const value = isMethodParameter(parameter.literal)
      ? readMethod(text, name, file)
      : readValue(text, parameter, file);
    return `${parameter.kind === "const" ? "const " : ""}${name} = ${sourceOf(value)};`;
  });
  const others = notebook.cells.filter((cell) => !hasTag(cell, "injected-parameters"));
  const ids = new UniqueIds();
  for (const { id } of others) ids.take(id);
  const injected: CodeCell = {
    cell_type: "code",
    id: ids.like("injected-parameters", "cell"),
    metadata: { tags: ["injected-parameters"] },
    source: assignments.join("\n"),
    execution_count: null,
    outputs: [],
  };
  const cells = others.flatMap((cell): Cell[] =>
    hasTag(cell, "parameters") ? [cell, injected] : [cell]
  );
  return { ...notebook, cells };
}

function declared(source: string, file: string): Parameter[] {
  let program: Program;
  try {
    program = parseCell(source);
  } catch (cause) {
    throw new NotebookError({
      problem: "has a cell of parameters that cannot be parsed",
      file,
      value: (cause as Error).message,
      expected: "declarations such as const seed = 1",
      cause,
    });
  }
  return program.body
    .filter((statement) => statement.type === "VariableDeclaration")
    .flatMap(({ kind, declarations }) =>
      declarations.flatMap(({ id, init }) => {
        if (id.type !== "Identifier") return [];
        const literal = literalOf(init);
        return [{ name: id.name, kind, ...literal !== undefined && { literal } }];
      })
    );
}
