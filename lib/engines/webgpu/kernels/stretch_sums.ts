/**
 * What follows a product whose stretches of the inner axis were summed by different workgroups: the
 * stretches' sums, one after the other. Also where a result is made of several sums.
 */

import type { Kernel, Operand } from "../kernel.ts";
import type { Dispatch } from "./candidates.ts";
import { elementKernel } from "./grid.ts";
import { BLOCK, type ProductSizes, repeat } from "./product_tiles.ts";

/** The sums of a product, each of them `[rows, columns]` or, by stretch, `[parts, rows, columns]`. */
export interface PartialSums {
  readonly sizes: ProductSizes;
  /** Parts of each sum; 1: whole. */
  readonly parts: number;
  /** The sums by the names that `results` knows them by. */
  readonly sums: Readonly<Record<string, Operand>>;
}

/** The sums as they are where they are whole, else dispatches the kernel that adds their parts. */
export function wholeSums(dispatch: Dispatch, partial: PartialSums): Operand[] {
  if (partial.parts === 1) return Object.values(partial.sums);
  const names = Object.keys(partial.sums);
  const results = Object.fromEntries(names.map((name) => [name, `${name}_sum`]));
  return dispatch(summedKernel(partial, results));
}

/** The kernel that writes `results`: WGSL of the sums, of other operands, and of `column`. */
export function summedKernel(
  { sizes, parts, sums }: PartialSums,
  results: Readonly<Record<string, string>>,
  others: Readonly<Record<string, Operand>> = {},
): Kernel {
  const { rows, columns } = sizes;
  const vector = columns % BLOCK === 0;
  const [type, accessor] = vector ? ["vec4f", "at4"] : ["f32", "at"];
  const count = rows * columns / (vector ? BLOCK : 1);
  const result = { shape: [rows, columns], ...vector ? { vector: BLOCK } as const : {} };
  const names = Object.keys(sums);
  const operands = Object.entries(sums).map(([name, operand]) =>
    [`${name}_parts`, vector ? { operand, vector: BLOCK } as const : operand] as const
  );
  return elementKernel(count, {
    name: `sums of ${Object.keys(results).join(" and ")}`,
    reads: { ...Object.fromEntries(operands), ...others },
    writes: Object.fromEntries(Object.keys(results).map((name) => [name, result])),
    sizes: { parts, columns },
    body: `
${names.map((name) => `var ${name}_sum: ${type} = ${name}_parts_${accessor}(i);`).join("\n")}
for (var part = 1u; part < sizes.parts; part++) {
  ${
      names.map((name) => `${name}_sum += ${name}_parts_${accessor}(part * sizes.count + i);`)
        .join("\n  ")
    }
}
let column = i${vector ? ` * ${BLOCK}u` : ""} % sizes.columns;
${Object.entries(results).map(([name, text]) => `${name}[i] = ${text};`).join("\n")}`,
  });
}

/** WGSL: what `one(column)` gives for the columns of an element, a vector where four are written at once. */
export function ofColumns(
  { columns }: ProductSizes,
  one: (column: string) => string,
): string {
  if (columns % BLOCK > 0) return one("column");
  return `vec4f(${repeat(BLOCK, (e) => one(`(column + ${e}u)`), ", ")})`;
}
