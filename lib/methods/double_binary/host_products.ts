/** Products, transposes, columns at length 1 and right sides of a start, in WebAssembly: see `host_kernels.ts`. */

import { at, bytes, clear, each, get, plus, set, sum, TINY, vector } from "./host_kernel_text.ts";

const tile = [0, 1, 2, 3].flatMap((row) =>
  [0, 1].map((half) => ({ row, half, name: `c${row}${half}` }))
);

const PRODUCT =
  `(func (export "product") (param $a i32) (param $b i32) (param $c i32) (param $rows i32)
    (param $inner i32) (param $columns i32)
  (local $i i32) (local $j i32) (local $p i32) (local $x v128) (local $first v128) (local $second v128)
  ${tile.map(({ name }) => `(local $${name} v128)`).join(" ")}
  ${
    each(
      "i",
      get("rows"),
      each(
        "j",
        get("columns"),
        `${tile.map(({ name }) => set(name, "(v128.const f32x4 0 0 0 0)")).join("")}
      ${
          each(
            "p",
            get("inner"),
            `${set("first", vector(at("b", get("p"), get("j"))))}
          ${set("second", vector(at("b", get("p"), get("j")), 16))}
          ${
              [0, 1, 2, 3].map((row) => `
            ${
                set(
                  "x",
                  `(v128.load32_splat ${
                    at("a", plus(get("i"), `(i32.const ${row})`), get("p"), get("inner"))
                  })`,
                )
              }
            ${set(`c${row}0`, sum(get(`c${row}0`), `(f32x4.mul ${get("x")} ${get("first")})`))}
            ${set(`c${row}1`, sum(get(`c${row}1`), `(f32x4.mul ${get("x")} ${get("second")})`))}`)
                .join("")
            }`,
          )
        }
      ${
          tile.map(({ row, half, name }) =>
            `(v128.store offset=${16 * half} ${
              at("c", plus(get("i"), `(i32.const ${row})`), get("j"))
            } ${get(name)})`
          ).join("")
        }`,
        8,
      ),
      4,
    )
  })`;

const TRANSPOSE = `(func (export "transpose") (param $x i32) (param $y i32) (param $rows i32)
    (param $columns i32)
  (local $i i32) (local $j i32)
  ${
  each(
    "i",
    get("rows"),
    each(
      "j",
      get("columns"),
      `(f32.store ${at("y", get("j"), get("i"), get("rows"))}
        (f32.load ${at("x", get("i"), get("j"))}))`,
    ),
  )
})`;

const UNIT =
  `(func (export "unit") (param $x i32) (param $y i32) (param $sums i32) (param $rows i32)
    (param $columns i32)
  (local $i i32) (local $j i32) (local $to i32) (local $v v128)
  ${clear("sums")}
  ${
    each(
      "i",
      get("rows"),
      each(
        "j",
        get("columns"),
        `${set("to", plus(get("sums"), bytes(get("j"))))}
      ${set("v", vector(at("x", get("i"), get("j"))))}
      (v128.store ${get("to")} ${sum(vector(get("to")), `(f32x4.mul ${get("v")} ${get("v")})`)})`,
        4,
      ),
    )
  }
  ${
    each(
      "i",
      get("rows"),
      each(
        "j",
        get("columns"),
        `(v128.store ${at("y", get("i"), get("j"))} (f32x4.div ${
          vector(at("x", get("i"), get("j")))
        }
        (f32x4.sqrt ${sum(vector(plus(get("sums"), bytes(get("j")))), TINY)})))`,
        4,
      ),
    )
  })`;

const DRAW =
  `(func (export "draw") (param $target i32) (param $z i32) (param $lambda i32) (param $y i32)
    (param $weight f32) (param $count i32)
  (local $i i32) (local $at i32) (local $w v128)
  ${set("w", `(f32x4.splat ${get("weight")})`)}
  ${
    each(
      "i",
      get("count"),
      `${set("at", bytes(get("i")))}
    (v128.store ${plus(get("y"), get("at"))} ${
        sum(
          vector(plus(get("target"), get("at"))),
          `(f32x4.mul ${get("w")} (f32x4.sub ${vector(plus(get("z"), get("at")))}
          ${vector(plus(get("lambda"), get("at")))}))`,
        )
      })`,
      4,
    )
  })`;

/** All of them. */
export const PRODUCTS: string = [PRODUCT, TRANSPOSE, UNIT, DRAW].join("\n");
