/**
 * Products and rows of which each row of a step takes its own tenant's: tables over groups, one group a tenant, and
 * one op for all of them. A row of group −1 takes none, and is zeros.
 *
 * A row's numbers depend on that row and its group alone: they are the same, to the bit, beside any others.
 */

import { requireShapes, type Value } from "../graph.ts";
import { isOfRows, makeStage } from "../stage_op.ts";

/**
 * yᵣ = xᵣ · M_gᵀ with g = groups[r]: `[R, in] → [R, out]`. With one group it is the product of few rows with a weight
 * as it is stored.
 *
 * @param matrices `[G, out, in]`; stored in 16 bits it is read as it is.
 * @param groups i32 `[R]`, −1 … G − 1. An engine that sees them refuses others; on a GPU they give NaN.
 */
export function groupedMatmul(x: Value, matrices: Value, groups: Value): Value {
  const [rows, inputSize] = x.shape;
  requireShapes(
    x.type === "f32" && x.shape.length === 2 && matrices.type === "f32" &&
      matrices.shape.length === 3 && matrices.shape[2] === inputSize && isOfRows(groups, rows),
    "groupedMatmul",
    [x, matrices, groups],
    "rows [R, in], matrices [G, out, in] and i32 groups [R]",
  );
  return makeStage("groupedMatmul", [x, matrices, groups], [rows, matrices.shape[1]]);
}

/**
 * yᵣ = xᵣ · S_g with g = groups[r] and S_g the ±1 of mask g, as in {@linkcode signMatmul}: `[R, in] → [R, out]`.
 *
 * @param masks i32 `[G, ⌈in/32⌉, out]`
 * @param groups i32 `[R]`, −1 … G − 1. An engine that sees them refuses others; on a GPU they give NaN.
 */
export function groupedSignMatmul(x: Value, masks: Value, groups: Value): Value {
  const [rows, inputSize] = x.shape;
  requireShapes(
    x.type === "f32" && x.shape.length === 2 && masks.type === "i32" &&
      masks.shape.length === 3 && masks.shape[1] === Math.ceil(inputSize / 32) &&
      isOfRows(groups, rows),
    "groupedSignMatmul",
    [x, masks, groups],
    "rows [R, in], i32 masks [G, ⌈in/32⌉, out] and i32 groups [R]",
  );
  return makeStage("groupedSignMatmul", [x, masks, groups], [rows, masks.shape[2]]);
}

/**
 * yᵣ = tables[groups[r], indices[r]]: `[R, n]`. An embedding's row, or with tables of one row a vector of a tenant.
 *
 * @param tables `[G, rows, n]`; stored in 16 bits they are widened, exactly.
 * @param groups i32 `[R]`, −1 … G − 1. An engine that sees them refuses others; on a GPU they give NaN.
 * @param indices i32 `[R]`, 0 … rows − 1, in the same way; of a row of group −1 not looked at.
 */
export function groupedRows(tables: Value, groups: Value, indices: Value): Value {
  const [rows] = groups.shape;
  requireShapes(
    tables.type === "f32" && tables.shape.length === 3 && isOfRows(groups, rows) &&
      isOfRows(indices, rows),
    "groupedRows",
    [tables, groups, indices],
    "tables [G, rows, n], i32 groups [R] and i32 indices [R]",
  );
  return makeStage("groupedRows", [tables, groups, indices], [rows, tables.shape[2]]);
}
