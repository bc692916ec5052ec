/** Inverses, and projections to signs times a matrix of rank one, in WebAssembly: see `host_kernels.ts`. */

import {
  ABSOLUTE,
  at,
  bytes,
  clear,
  each,
  get,
  plus,
  set,
  sum,
  times,
  vector,
} from "./host_kernel_text.ts";

/** Address of element (row, column) of the float64 matrix. */
const wide = (row: string, column: string) =>
  plus(get("work"), `(i32.shl ${plus(times(row, get("size")), column)} (i32.const 3))`);

/** Gauss and Jordan's elimination in place, without pivoting: the matrix is positive definite. */
const INVERT =
  `(func (export "invert") (param $x i32) (param $y i32) (param $work i32) (param $size i32)
    (param $ridge f64)
  (local $i i32) (local $j i32) (local $p i32) (local $f f64) (local $v v128) (local $to i32)
  ${
    each(
      "i",
      get("size"),
      `${
        each(
          "j",
          get("size"),
          `(f64.store ${wide(get("i"), get("j"))}
          (f64.promote_f32 (f32.load ${at("x", get("i"), get("j"), get("size"))})))`,
        )
      }
    ${set("to", wide(get("i"), get("i")))}
    (f64.store ${get("to")} (f64.add (f64.load ${get("to")}) ${get("ridge")}))`,
    )
  }
  ${
    each(
      "p",
      get("size"),
      `${set("to", wide(get("p"), get("p")))}
    ${set("v", `(f64x2.splat (f64.div (f64.const 1) (f64.load ${get("to")})))`)}
    (f64.store ${get("to")} (f64.const 1))
    ${
        each(
          "j",
          get("size"),
          `${set("to", wide(get("p"), get("j")))}
        (v128.store ${get("to")} (f64x2.mul ${get("v")} ${vector(get("to"))}))`,
          2,
        )
      }
    ${
        each(
          "i",
          get("size"),
          `(if (i32.ne ${get("i")} ${get("p")}) (then
          ${set("to", wide(get("i"), get("p")))}
          ${set("v", `(f64x2.splat (f64.load ${get("to")}))`)}
          (f64.store ${get("to")} (f64.const 0))
          ${
            each(
              "j",
              get("size"),
              `${set("to", wide(get("i"), get("j")))}
            (v128.store ${get("to")} (f64x2.sub ${vector(get("to"))}
              (f64x2.mul ${get("v")} ${vector(wide(get("p"), get("j")))})))`,
              2,
            )
          }))`,
        )
      }`,
    )
  }
  ${
    each(
      "i",
      get("size"),
      each(
        "j",
        get("size"),
        `(f32.store ${at("y", get("i"), get("j"), get("size"))}
        (f32.demote_f64 (f64.load ${wide(get("i"), get("j"))})))`,
      ),
    )
  })`;

/** `$next` += |row i of x| · `$w`. */
const ADD_ROW = each(
  "j",
  get("columns"),
  `${set("to", plus(get("next"), bytes(get("j"))))}
  (v128.store ${get("to")} ${
    sum(
      vector(get("to")),
      `(f32x4.mul ${get("w")} ${ABSOLUTE(vector(at("x", get("i"), get("j"))))})`,
    )
  })`,
  4,
);

/** `$v` = `$next` · `$w`. */
const TAKE_NEXT = each(
  "j",
  get("columns"),
  `(v128.store ${plus(get("v"), bytes(get("j")))}
    (f32x4.mul ${get("w")} ${vector(plus(get("next"), bytes(get("j"))))}))`,
  4,
);

const PROJECT =
  `(func (export "project") (param $x i32) (param $lambda i32) (param $z i32) (param $u i32)
    (param $v i32) (param $next i32) (param $rows i32) (param $columns i32) (param $steps i32)
  (local $i i32) (local $j i32) (local $k i32) (local $to i32) (local $w v128) (local $s v128)
  (local $f f32) (local $square f32)
  ${clear("next")}
  ${set("w", "(f32x4.splat (f32.const 1))")}
  ${
    each(
      "i",
      get("rows"),
      `${
        each(
          "j",
          get("columns"),
          `${set("to", at("x", get("i"), get("j")))}
        (v128.store ${get("to")} ${
            sum(vector(get("to")), vector(at("lambda", get("i"), get("j"))))
          })`,
          4,
        )
      }
    ${ADD_ROW}`,
    )
  }
  ${set("w", `(f32x4.splat (f32.div (f32.const 1) (f32.convert_i32_u ${get("rows")})))`)}
  ${TAKE_NEXT}
  ${
    each(
      "k",
      get("steps"),
      `${clear("next")}
    ${set("square", "(f32.const 1e-30)")}
    ${
        each(
          "i",
          get("rows"),
          `${set("s", "(v128.const f32x4 0 0 0 0)")}
        ${
            each(
              "j",
              get("columns"),
              set(
                "s",
                sum(
                  get("s"),
                  `(f32x4.mul ${ABSOLUTE(vector(at("x", get("i"), get("j"))))}
                  ${vector(plus(get("v"), bytes(get("j"))))})`,
                ),
              ),
              4,
            )
          }
        ${
            set(
              "f",
              [1, 2, 3].reduce(
                (all, lane) => `(f32.add ${all} (f32x4.extract_lane ${lane} ${get("s")}))`,
                `(f32x4.extract_lane 0 ${get("s")})`,
              ),
            )
          }
        (f32.store ${plus(get("u"), bytes(get("i")))} ${get("f")})
        ${set("square", `(f32.add ${get("square")} (f32.mul ${get("f")} ${get("f")}))`)}
        ${set("w", `(f32x4.splat ${get("f")})`)}
        ${ADD_ROW}`,
        )
      }
    ${set("f", `(f32.div (f32.const 1) (f32.sqrt ${get("square")}))`)}
    ${set("w", `(f32x4.splat ${get("f")})`)}
    ${TAKE_NEXT}
    ${
        each(
          "i",
          get("rows"),
          `${set("to", plus(get("u"), bytes(get("i"))))}
        (f32.store ${get("to")} (f32.mul ${get("f")} (f32.load ${get("to")})))`,
        )
      }`,
    )
  }
  ${
    each(
      "i",
      get("rows"),
      `${set("w", `(v128.load32_splat ${plus(get("u"), bytes(get("i")))})`)}
    ${
        each(
          "j",
          get("columns"),
          `${set("s", vector(at("x", get("i"), get("j"))))}
        ${set("to", at("z", get("i"), get("j")))}
        (v128.store ${get("to")} (v128.xor
          (f32x4.mul ${get("w")} ${vector(plus(get("v"), bytes(get("j"))))})
          (v128.and (f32x4.lt ${get("s")} (v128.const f32x4 0 0 0 0))
            (v128.const i32x4 0x80000000 0x80000000 0x80000000 0x80000000))))
        (v128.store ${at("lambda", get("i"), get("j"))}
          (f32x4.sub ${get("s")} ${vector(get("to"))}))`,
          4,
        )
      }`,
    )
  })`;

/** Both. */
export const PROJECTIONS: string = [INVERT, PROJECT].join("\n");
