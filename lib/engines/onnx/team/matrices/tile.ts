/**
 * Sums of a few rows with a few outputs beside each other, as many as there are registers for: each weight is read and
 * widened once for all rows, and each element of x read once for all outputs. What a load costs beyond itself is a
 * check that it lies in memory, so loads are what is saved.
 *
 * A sum has one order, whatever stands beside it: four sums, each of every fourth product in the order in which
 * weights widen, each rounded once with its product where the processor does that; then (first + third) +
 * (second + fourth).
 */

import { copy, declared, during, grow, minus, rangeOf, repeat, vector } from "../loops.ts";
import { get, set, sum, times, whole } from "../text.ts";
import { UPPER, type Widening } from "./widening.ts";

/** Rows that share weights. */
export const MOST_ROWS = 3;

/** Outputs beside each other, of one row, of two, … */
const BESIDE: readonly number[] = [6, 4, 3];

/** Weights of an output that are read before the next. */
export const STRETCH = 16;

/** Bytes of so many elements of x. */
export const X_STRETCH: number = 4 * STRETCH;

/** Bytes at `$own` that are zeros, but for the tails of outputs that are copied there. */
export const TAIL_BYTES: number = BESIDE[0] * X_STRETCH;

/** What the functions hand on: bytes of an output, whole stretches, bytes of the rest, and where there are zeros. */
export const SIZES: readonly string[] = ["stride", "steps", "rest", "own"];

/** Addresses of so many rows of x, and of their outputs. */
const places = (rows: number) => [
  ...rangeOf(rows).map((row) => `x${row}`),
  ...rangeOf(rows).map((row) => `y${row}`),
];

const nameOf = (output: number, row: number) => `sum${output}of${row}`;

/** Sums of `rows` rows with `outputs` outputs. */
function tile({ bytes, half }: Widening, rows: number, outputs: number): string {
  const ofOutputs = (text: (output: number) => string) => repeat(outputs, text);
  const add = (output: number, row: number) => {
    const name = nameOf(output, row);
    return set(name, `(f32x4.relaxed_madd ${get(`w${output}`)} ${get("v")} ${get(name)})`);
  };
  const stretch = repeat(4, (at) => {
    const [eight, which] = [at >> 1, at & 1];
    return `${
      ofOutputs((output) => set(`w${output}`, half(which, get(`at${output}`), bytes * eight)))
    }
    ${
      repeat(
        rows,
        (row) =>
          `${set("v", vector(get(`x${row}`), 16 * at))} ${ofOutputs((output) => add(output, row))}`,
      )
    }`;
  });
  const store = (output: number, row: number) => {
    const name = nameOf(output, row);
    const turned = `(i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 ${get(name)} ${
      get(name)
    })`;
    return `${set(name, `(f32x4.add ${get(name)} ${turned})`)}
    (f32.store offset=${4 * output} ${get(`y${row}`)}
      (f32.add (f32x4.extract_lane 0 ${get(name)}) (f32x4.extract_lane 1 ${get(name)})))`;
  };
  const sums = rangeOf(outputs).flatMap((output) =>
    rangeOf(rows).map((row) => nameOf(output, row))
  );
  return `(func $tile${rows}x${outputs} (param $${UPPER} v128) (param $at0 i32)
      ${declared("param", "i32", SIZES)} ${declared("param", "i32", places(rows))}
    ${declared("local", "i32", ["end", ...rangeOf(outputs - 1).map((at) => `at${at + 1}`)])}
    ${declared("local", "v128", ["half", "v", ...rangeOf(outputs).map((at) => `w${at}`), ...sums])}
    ${repeat(outputs - 1, (at) => set(`at${at + 1}`, sum(get(`at${at}`), get("stride"))))}
    ${set("end", sum(get("x0"), times(get("steps"), whole(X_STRETCH))))}
    ${
    during(
      `(i32.ne ${get("x0")} ${get("end")})`,
      `${stretch}
      ${ofOutputs((at) => grow(`at${at}`, whole(2 * bytes)))}
      ${repeat(rows, (row) => grow(`x${row}`, whole(X_STRETCH)))}`,
    )
  }
    (if ${get("rest")} (then
      ${
    ofOutputs((at) =>
      `${copy(get("own"), get(`at${at}`), get("rest"))}
      ${set(`at${at}`, get("own"))} ${grow("own", whole(X_STRETCH))}`
    )
  }
      ${stretch}))
    ${repeat(rows, (row) => ofOutputs((output) => store(output, row)))})`;
}

/** Sums of `rows` rows with all of `$left` outputs, as many beside each other as go. */
function panel(rows: number): string {
  const go = (outputs: number) =>
    `(call $tile${rows}x${outputs} ${get(UPPER)} ${get("matrix")}
      ${SIZES.map(get).join(" ")} ${places(rows).map(get).join(" ")})
    ${grow("matrix", times(get("stride"), whole(outputs)))}
    ${set("left", minus(get("left"), whole(outputs)))}
    ${repeat(rows, (row) => grow(`y${row}`, whole(4 * outputs)))}`;
  const beside = BESIDE[rows - 1];
  return `(func $panel${rows} (param $${UPPER} v128) (param $matrix i32) (param $left i32)
      ${declared("param", "i32", SIZES)} ${declared("param", "i32", places(rows))}
    ${during(`(i32.ge_u ${get("left")} ${whole(beside)})`, go(beside))}
    ${during(get("left"), go(1))})`;
}

/** Functions `$panel1`, `$panel2` and `$panel3`: of as many rows, outputs `$left` from the address `$matrix` on. */
export function panels(widening: Widening): string {
  return rangeOf(MOST_ROWS).map((at) => {
    const [rows, beside] = [at + 1, BESIDE[at]];
    return `${tile(widening, rows, 1)} ${tile(widening, rows, beside)} ${panel(rows)}`;
  }).join("\n");
}

/** Calls one of them; `x` and `y` are addresses of its rows. */
export function callPanel(
  rows: number,
  x: (row: number) => string,
  y: (row: number) => string,
): string {
  return `(call $panel${rows} ${get(UPPER)} ${get("matrix")} ${get("left")}
    ${SIZES.map(get).join(" ")} ${repeat(rows, x)} ${repeat(rows, y)})`;
}
