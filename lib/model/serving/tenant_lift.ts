/**
 * A codec's product, written for one compressed matrix, made one of many: parts become tables over tenants, and each
 * row takes from them what is its tenant's. A rule an op, and no codec by name.
 *
 * Every value of the product that has a row for each token stays so; a vector or scalar of a tenant becomes a row of
 * it for each token, so that elementwise ops are as they were; a product with a matrix of the tenant becomes the
 * grouped one. Sums of matrices are multiplied term by term, for no matrix over tenants is ever formed.
 */

import { isFloatType, type TensorInfo } from "../../checkpoint/tensor.ts";
import { input, type Value } from "../../graph/graph.ts";
import { add, divide, multiply, scaleBy, subtract } from "../../graph/ops/elementwise.ts";
import { groupedMatmul, groupedRows, groupedSignMatmul } from "../../graph/ops/grouped.ts";

/** How a part lies in its table, tenant by tenant. */
export type TableLayout =
  /** `[n]`; a scalar is repeated. */
  | "vector"
  /** As it is stored. */
  | "matrix"
  /** As it is stored, of bits. */
  | "mask"
  /** Bits `[⌈rows / 32⌉, columns]` as `[⌈columns / 32⌉, rows]`. */
  | "transposed mask";

/** What a table holds of each tenant. */
export interface TableInfo {
  /** Its part's name. */
  readonly part: string;
  /** How it is made of the part. */
  readonly layout: TableLayout;
  /** Of one tenant: of a vector `[1, n]`. */
  readonly shape: readonly number[];
}

/** Tables of one key are the same. */
export function tableKey({ part, layout, shape }: TableInfo): string {
  return `${part} ${layout} ${shape}`;
}

/** The product of one matrix. */
export type Product = (x: Value, part: (name: string) => Value) => Value;

/** Where the values of a lifted product come from. */
export interface LiftedInputs {
  /** `[rows, in]` */
  readonly x: Value;
  /** i32 `[rows]`: which tenant's of the tables is a row's; −1: none's, and the row of the product is 0. */
  readonly groups: Value;
  /** i32 `[rows]`, zeros. */
  readonly first: Value;
  /** A table over tenants, `[slots, …shape]`. */
  readonly table: (info: TableInfo) => Value;
}

/**
 * The product of each row with its tenant's matrix.
 *
 * @param parts what `product` asks for, of one tenant.
 * @returns `[rows, out]`; `null` where an op has no rule.
 */
export function liftProduct(
  product: Product,
  parts: Readonly<Record<string, TensorInfo>>,
  inputs: LiftedInputs,
): Value | null {
  const x = input("x", inputs.x.shape);
  const given = new Map(
    Object.entries(parts).map(([name, { dtype, shape }]) => [
      name,
      input(name, shape, isFloatType(dtype) ? "f32" : "i32"),
    ]),
  );
  const output = product(x, (name) => given.get(name)!);
  return new Lifting(x, inputs).rows(output, output.shape[1]);
}

/** The tables that a lifted product reads; `null` where it cannot be lifted. */
export function tablesOf(
  product: Product,
  parts: Readonly<Record<string, TensorInfo>>,
  inSize: number,
): TableInfo[] | null {
  const tables = new Map<string, TableInfo>();
  const table = (info: TableInfo) => {
    tables.set(tableKey(info), info);
    return input("table", [1, ...info.shape], info.layout.endsWith("mask") ? "i32" : "f32");
  };
  const row = input("row", [1], "i32");
  const inputs = { x: input("x", [1, inSize]), groups: row, first: row, table };
  return liftProduct(product, parts, inputs) && [...tables.values()];
}

/** One product on its way. */
class Lifting {
  readonly #known = new Map<Value, Value | null>();

  constructor(x: Value, readonly inputs: LiftedInputs) {
    this.#known.set(x, inputs.x);
  }

  /** A value with a row for each token: of its own, or its tenant's vector. */
  rows(value: Value, width: number): Value | null {
    if (value.shape.length === 0) return this.#vector(value, width);
    let lifted = this.#known.get(value);
    if (lifted === undefined) {
      lifted = value.shape.length === 1
        ? this.#vector(value, width)
        : RULES[value.operation]?.(value, this) ?? null;
      this.#known.set(value, lifted);
    }
    return lifted;
  }

  /** Rows times a matrix of their tenants, which is given by what it is made of. */
  times(x: Value, matrix: Value, isTransposed: boolean): Value | null {
    const [left, right] = matrix.inputs;
    const { groups, table } = this.inputs;
    switch (matrix.operation) {
      case "input": {
        if (!isTransposed || matrix.type !== "f32") return null;
        return groupedMatmul(x, table(infoOf(matrix, "matrix", matrix.shape)), groups);
      }
      case "signMatrix": {
        if (left.name === null) return null;
        if (!isTransposed) return this.timesSigns(x, left);
        const shape = [Math.ceil(matrix.shape[1] / 32), matrix.shape[0]];
        return groupedSignMatmul(x, table(infoOf(left, "transposed mask", shape)), groups);
      }
      case "scaleBy": {
        const product = this.times(x, left, isTransposed);
        return product && scaleBy(product, matrix.attributes.factor as number);
      }
      case "add":
      case "subtract": {
        if (`${left.shape}` !== `${right.shape}`) return null;
        const [first, second] = [left, right].map((each) => this.times(x, each, isTransposed));
        const combine = matrix.operation === "add" ? add : subtract;
        return first && second && combine(first, second);
      }
      default:
        return null;
    }
  }

  /** Rows times the signs of a mask that is stored. */
  timesSigns(x: Value, mask: Value): Value | null {
    if (mask.name === null) return null;
    const { groups, table } = this.inputs;
    return groupedSignMatmul(x, table(infoOf(mask, "mask", mask.shape)), groups);
  }

  #vector(value: Value, width: number): Value | null {
    if (value.name === null || value.type !== "f32") return null;
    const { groups, first, table } = this.inputs;
    return groupedRows(table(infoOf(value, "vector", [1, width])), groups, first);
  }
}

function infoOf({ name }: Value, layout: TableLayout, shape: readonly number[]): TableInfo {
  return { part: name!, layout, shape };
}

/** The op of a value over rows; `null`: there is no rule for what it is of. */
type Rule = (value: Value, lifting: Lifting) => Value | null;

const RULES: Readonly<Record<string, Rule>> = {
  add: ofTwo(add),
  subtract: ofTwo(subtract),
  multiply: ofTwo(multiply),
  divide: ofTwo(divide),
  scaleBy: ({ inputs: [x], attributes }, lifting) => {
    const rows = lifting.rows(x, x.shape[1]);
    return rows && scaleBy(rows, attributes.factor as number);
  },
  matmul({ inputs: [x, matrix], attributes }, lifting) {
    if (attributes.transposeFirst) return null;
    const rows = lifting.rows(x, x.shape[1]);
    return rows && lifting.times(rows, matrix, attributes.transposeSecond as boolean);
  },
  signMatmul({ inputs: [x, mask] }, lifting) {
    const rows = lifting.rows(x, x.shape[1]);
    return rows && lifting.timesSigns(rows, mask);
  },
};

function ofTwo(op: (a: Value, b: Value) => Value): Rule {
  return ({ inputs, shape: [, width] }, lifting) => {
    const [a, b] = inputs.map((each) => lifting.rows(each, width));
    return a && b && op(a, b);
  };
}
