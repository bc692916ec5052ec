/** How the steps of a start are written in WebAssembly: loops over vectors of four floats of matrices, row by row. */

export const get = (name: string) => `(local.get $${name})`;

export const set = (name: string, value: string) => `(local.set $${name} ${value})`;

export const plus = (...terms: readonly string[]) =>
  terms.reduce((sum, each) => `(i32.add ${sum} ${each})`);

export const times = (a: string, b: string) => `(i32.mul ${a} ${b})`;

export const bytes = (count: string) => `(i32.shl ${count} (i32.const 2))`;

/** `body` for `$name` from 0 in steps of `step`, below `end`, which is more than 0. */
export const each = (name: string, end: string, body: string, step = 1) => `
  ${set(name, "(i32.const 0)")}
  (loop $each_${name}
    ${body}
    ${set(name, plus(get(name), `(i32.const ${step})`))}
    (br_if $each_${name} (i32.lt_u ${get(name)} ${end})))`;

/** Address of element (row, column) of a matrix of `$columns`. */
export const at = (matrix: string, row: string, column: string, columns = get("columns")) =>
  plus(get(matrix), bytes(plus(times(row, columns), column)));

export const vector = (address: string, offset = 0) => `(v128.load offset=${offset} ${address})`;

export const sum = (...terms: readonly string[]) =>
  terms.reduce((all, term) => `(f32x4.add ${all} ${term})`);

export const ABSOLUTE = (x: string) => `(f32x4.abs ${x})`;

export const clear = (row: string) =>
  each(
    "j",
    get("columns"),
    `(v128.store ${plus(get(row), bytes(get("j")))}
    (v128.const f32x4 0 0 0 0))`,
    4,
  );

export const TINY = "(f32x4.splat (f32.const 1e-30))";
