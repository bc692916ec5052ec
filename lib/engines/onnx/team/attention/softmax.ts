/** Text: weights of scores, not yet divided by their sum. */

import { alike, loop } from "../loops.ts";
import { get, set, sum, times, whole } from "../text.ts";

const real = (number: string) => `(v128.const f32x4 ${number} ${number} ${number} ${number})`;

/** Of e^r, the highest power first. */
const POLYNOMIAL = [
  "1.9875691500e-4",
  "1.3981999507e-3",
  "8.3334519073e-3",
  "4.1665795894e-2",
  "1.6666665459e-1",
  "5.0000001201e-1",
];

/**
 * p = e^x for x ≤ 0, about as exact as floats are, and 0 below e^−87: 2ⁿ · e^r with n whole and |r| ≤ ln 2 / 2, e^r by
 * the polynomial of Cephes' expf (S. Moshier, 1992).
 */
const EXPONENTIAL = `
  ${set("n", `(f32x4.nearest (f32x4.mul ${get("x")} ${real("1.44269504088896341")}))`)}
  ${
  set(
    "r",
    `(f32x4.sub (f32x4.sub ${get("x")} (f32x4.mul ${get("n")} ${real("0.693359375")}))
      (f32x4.mul ${get("n")} ${real("-2.12194440e-4")}))`,
  )
}
  ${
  set(
    "p",
    POLYNOMIAL.map(real).reduce((p, next) => `(f32x4.add (f32x4.mul ${p} ${get("r")}) ${next})`),
  )
}
  ${
  set(
    "p",
    `(f32x4.add (f32x4.add (f32x4.mul (f32x4.mul ${get("p")} ${get("r")}) ${get("r")})
      ${get("r")}) ${real("1")})`,
  )
}
  ${
  set(
    "p",
    `(v128.andnot
      (f32x4.mul ${get("p")} (i32x4.shl
        (i32x4.add (i32x4.trunc_sat_f32x4_s ${get("n")}) ${alike("127")})
        (i32.const 23)))
      (f32x4.lt ${get("x")} ${real("-87")}))`,
  )
}`;

/** Lanes of a vector in other places, so that two steps bring all together. */
const TURNS = [
  "8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7",
  "4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11",
];

const ofScores = (body: string) => loop("at", get("scores"), get("end"), 16, body);
const lane = (index: number) => `(f32x4.extract_lane ${index} ${get("total")})`;
const score = `(v128.load $memory ${get("at")})`;

/** `$softmax`: scores become e^(s − largest), and zeros up to a whole vector; returns their sum. */
export const SOFTMAX_FUNCTION: string =
  `(func $softmax (param $scores i32) (param $count i32) (result f32)
    (local $at i32) (local $end i32) (local $x v128) (local $n v128) (local $r v128) (local $p v128)
    (local $largest v128) (local $total v128)
    ${set("end", sum(get("scores"), times(get("count"), whole(4))))}
    (v128.store $memory ${get("end")} ${real("-inf")})
    ${set("largest", real("-inf"))}
    ${ofScores(set("largest", `(f32x4.max ${get("largest")} ${score})`))}
    ${
    TURNS.map((lanes) => {
      const turned = `(i8x16.shuffle ${lanes} ${get("largest")} ${get("largest")})`;
      return set("largest", `(f32x4.max ${get("largest")} ${turned})`);
    }).join("\n")
  }
    ${
    ofScores(`${set("x", `(f32x4.sub ${score} ${get("largest")})`)}
      ${EXPONENTIAL}
      (v128.store $memory ${get("at")} ${get("p")})
      ${set("total", `(f32x4.add ${get("total")} ${get("p")})`)}`)
  }
    (f32.add (f32.add ${lane(0)} ${lane(1)}) (f32.add ${lane(2)} ${lane(3)})))`;
