/**
 * What Jupyter runs though nbformat does not have it so: fields that are absent, ids that are not
 * allowed or not unique, outputs that are not whole. They are mended before the notebook is checked.
 * What Jupyter does not run either is left as it is, for `notebook_schema.ts` to refuse.
 */

import * as v from "valibot";
import type { JsonObject } from "./notebook.ts";
import { completed, outputSchema } from "./notebook_schema.ts";

/** An id as nbformat 4.5 allows it. */
const ALLOWED_ID = /^[a-zA-Z0-9_-]{1,64}$/;
/** The minor version of nbformat that has ids, which all notebooks are written as at least. */
const WITH_IDS = 5;
/** The fields that nbformat 4.5 knows. */
const notebookFields = ["nbformat", "nbformat_minor", "metadata", "cells"];
const cellFields: Record<string, readonly string[]> = {
  code: ["cell_type", "id", "metadata", "source", "execution_count", "outputs"],
  markdown: ["cell_type", "id", "metadata", "source", "attachments"],
  raw: ["cell_type", "id", "metadata", "source", "attachments"],
};

/**
 * Mends a notebook as JSON has it; changes the value given.
 *
 * @returns how many of each field were mended: `["2 × id", "1 × outputs"]`.
 */
export function mend(notebook: unknown): string[] {
  if (!isObject(notebook) || !Array.isArray(notebook.cells)) return [];
  const counts = new Map<string, number>();
  const count = (field: string) => counts.set(field, (counts.get(field) ?? 0) + 1);
  const supply = (
    holder: JsonObject,
    field: string,
    isRight: (value: unknown) => boolean,
    value: unknown,
  ) => {
    if (isRight(holder[field])) return;
    holder[field] = value;
    count(field);
  };
  const minor = typeof notebook.nbformat_minor === "number" ? notebook.nbformat_minor : WITH_IDS;
  const keep = (holder: JsonObject, fields: readonly string[]) => {
    for (const field of Object.keys(holder)) {
      // A later nbformat may have more fields.
      if (fields.includes(field) || minor > WITH_IDS) continue;
      delete holder[field];
      count("unknown field");
    }
  };
  const omit = (holder: unknown, field: string, isRight: (value: unknown) => boolean) => {
    const { [field]: value } = holder as JsonObject;
    if (value === undefined || isRight(value)) return;
    delete (holder as JsonObject)[field];
    count(field);
  };
  supply(notebook, "nbformat_minor", Number.isInteger, WITH_IDS);
  supply(notebook, "metadata", isObject, {});
  omit(notebook.metadata, "kernelspec", isObject);
  keep(notebook, notebookFields);
  const cells = notebook.cells.filter(isObject);
  for (const cell of cells) {
    supply(cell, "metadata", isObject, {});
    omit(cell.metadata, "tags", isTags);
    omit(cell, "attachments", isObject);
    const { cell_type: type } = cell;
    keep(cell, (typeof type === "string" && cellFields[type]) || Object.keys(cell));
    if (cell.cell_type !== "code") continue;
    supply(cell, "execution_count", isCount, null);
    supply(cell, "outputs", Array.isArray, []);
    cell.outputs = (cell.outputs as unknown[]).flatMap((output) => {
      if (v.is(outputSchema, output)) return [output];
      count("output");
      return isObject(output) ? completed(output) ?? [] : [];
    });
  }
  const ids = new UniqueIds();
  // Ids that are as they should be stay, wherever they stand.
  const isKept = cells.map(({ id }) =>
    typeof id === "string" && ALLOWED_ID.test(id) && ids.take(id)
  );
  for (const [index, cell] of cells.entries()) {
    if (isKept[index]) continue;
    if (cell.id !== undefined || minor >= WITH_IDS) count("id");
    cell.id = ids.like(typeof cell.id === "string" ? cell.id : "", `cell-${index + 1}`);
  }
  return Array.from(counts, ([field, times]) => `${times} × ${field}`);
}

/** The ids of one notebook. */
export class UniqueIds {
  readonly #taken = new Set<string>();
  /** The number that an id was last given, for many are like one. */
  readonly #numbers = new Map<string, number>();

  /** Takes an id; false if it was taken before. */
  take(id: string): boolean {
    return this.#taken.size < this.#taken.add(id).size;
  }

  /** Takes an id like one that is not allowed or taken; like `otherwise` if nothing of it can stay. */
  like(id: string, otherwise: string): string {
    const allowed = id.replace(/[^a-zA-Z0-9_-]+/g, "-").slice(0, 56).replace(/^-+|-+$/g, "") ||
      otherwise;
    let free = allowed;
    let number = this.#numbers.get(allowed) ?? 1;
    while (!this.take(free)) free = `${allowed}-${++number}`;
    this.#numbers.set(allowed, number);
    return free;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): boolean {
  return value === null || Number.isInteger(value);
}

function isTags(value: unknown): boolean {
  return Array.isArray(value) && value.every((tag) => typeof tag === "string");
}
