/**
 * The product of rows with packed signs of which each row takes its own group's, for software: an invocation has
 * {@linkcode COLUMNS} columns of one row. The order of summation is that of `few_rows_signs.ts`, and so are the bits.
 */

import type { Kernel } from "../kernel.ts";
import { type Candidate, oneKernel } from "./candidates.ts";
import { CHAINS, FOUR, fourInputs } from "./few_rows_signs.ts";
import { repeat } from "./product_tiles.ts";
import { REGISTER_LANES } from "./register_tiles.ts";
import { GROUP_TEXT, groupReads, groupSizes, numberOfGroup, type RowGroups } from "./row_groups.ts";
import { type SignedFactors, signedSizes } from "./sign_matmul.ts";

/** Columns of an invocation. */
const COLUMNS = 8;

function groupedSignKernel(factors: SignedFactors, grouped: RowGroups): Kernel {
  const { first, mask } = factors;
  const { rows, columns, inner } = signedSizes(factors);
  const [, words] = mask.shape;
  const vector = inner % FOUR === 0;
  const eachColumn = (line: (j: number) => string, separator?: string) =>
    repeat(COLUMNS, line, separator);
  return {
    name: `groupedSignMatmul of ${rows}, ${NAME}`,
    reads: {
      first: vector ? { operand: first, vector: FOUR } : first,
      mask,
      ...groupReads(grouped),
    },
    writes: { y: { shape: [rows, columns] } },
    sizes: { rows, columns, inner, words, ...groupSizes(grouped) },
    factors: { absent: NaN },
    workgroup: [REGISTER_LANES],
    groups: [Math.ceil(columns / (COLUMNS * REGISTER_LANES)), rows],
    module: `${fourInputs(vector)}\n${GROUP_TEXT}`,
    body: `
let row = group.y;
let ofRow = rowGroups[row];
let words = select(0u, sizes.words, is_here(ofRow));
let firstColumn = group.x * ${COLUMNS * REGISTER_LANES}u + lane;
let ofMask = min(piece_of(ofRow), sizes.held - 1u) * sizes.words * sizes.columns;
${
      eachColumn((j) =>
        `let column${j} = ofMask + min(firstColumn + ${j * REGISTER_LANES}u, sizes.columns - 1u);`
      )
    }
${eachColumn((j) => `var sum${j} = 0.0;`, " ")}
for (var start = 0u; start < ${CHAINS}u; start++) {
  ${eachColumn((j) => `var c${j} = 0.0;`, " ")}
  for (var word = start; word < words; word += ${CHAINS}u) {
    ${eachColumn((j) => `var b${j} = ~u32(mask[word * sizes.columns + column${j}]);`, "\n    ")}
    for (var k = word * 32u; k < (word + 1u) * 32u; k += ${FOUR}u) {
      let a = bitcast<vec4u>(four_inputs(row, k));
      ${
      eachColumn((j) =>
        `{ let s = (vec4u(b${j}) >> vec4u(0u, 1u, 2u, 3u)) << vec4u(31u); b${j} >>= ${FOUR}u; ` +
        `let t = bitcast<vec4f>(a ^ s); c${j} += (t.x + t.y) + (t.z + t.w); }`, "\n      ")
    }
    }
  }
  ${eachColumn((j) => `sum${j} = select(c${j}, sum${j} + c${j}, start > 0u);`, "\n  ")}
}
${
      eachColumn((j) => {
        const number = { group: "ofRow", row: "row", column: "column", sum: `sum${j}` };
        return `{ let column = firstColumn + ${j * REGISTER_LANES}u; ` +
          `if (column < sizes.columns) { y[row * sizes.columns + column] = ${
            numberOfGroup(grouped, number)
          }; } }`;
      })
    }`,
  };
}

/** `"registers 1x8"`: a family for software. */
const NAME = `registers 1x${COLUMNS}`;

/** The candidate for rows of groups. */
export function groupedSignCandidate(factors: SignedFactors, grouped: RowGroups): Candidate {
  return oneKernel(NAME, () => groupedSignKernel(factors, grouped));
}
