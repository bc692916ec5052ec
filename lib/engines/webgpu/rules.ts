/**
 * How a GPU computes each op, by the op's name: as a WGSL expression of single elements, or as kernels. A rule
 * sees of its op the operands, the attributes and the shape of the result.
 *
 * `graph/` knows nothing of this, so that a new kernel changes nothing that the CPU's results depend on.
 */

import type { FloatType } from "../../checkpoint/tensor.ts";
import type { Attributes } from "../../graph/graph.ts";
import { rotationTables } from "../../graph/ops/rotary.ts";
import { attentionRules } from "./fused/attention/ops.ts";
import { deltaLinearRules } from "./fused/delta_linear.ts";
import { deltaProjectionRules } from "./fused/delta_projections.ts";
import { groupedLayerRules } from "./fused/grouped_layer.ts";
import { rmsNormRules } from "./fused/rms_norm.ts";
import { scaledRotaryRules } from "./fused/scaled_rotary.ts";
import { signProductRules } from "./fused/sign_products.ts";
import type { ElementRule, KernelBuilder, KernelRule, Operand } from "./kernel.ts";
import {
  type HeadSizes,
  maskedSoftmaxes,
  mixKernel,
  scoresKernel,
  softmaxPartials,
} from "./kernels/attention.ts";
import type { CacheLayout } from "./kernels/attention_parts.ts";
import { attendedRows } from "./kernels/cached_attention.ts";
import { choleskyBlockKernel } from "./kernels/cholesky_block.ts";
import { columnSums } from "./kernels/column_sums.ts";
import { differenceKernel } from "./kernels/difference.ts";
import {
  fewRowsProduct,
  fewRowsSignProduct,
  groupedProduct,
  groupedSignProduct,
} from "./kernels/few_rows.ts";
import { gptqBlockKernel } from "./kernels/gptq_block.ts";
import { gptqSignBlockKernel } from "./kernels/gptq_sign_block.ts";
import { groupedRows } from "./kernels/grouped_rows.ts";
import { integerMatrixKernel } from "./kernels/integers.ts";
import {
  crossEntropies,
  crossEntropyPartials,
  firstLargest,
  klDivergences,
  klPartials,
} from "./kernels/likelihood.ts";
import { matmulProduct } from "./kernels/matmul.ts";
import { residualBlockKernel } from "./kernels/residual_block.ts";
import { rmsNormalized, rmsNormalizedGradient } from "./kernels/rms_normalize.ts";
import { rotatedPairs, rotationKernel } from "./kernels/rotary.ts";
import {
  addDiagonalKernel,
  differenceOf,
  padColumnsKernel,
  submatrixKernel,
} from "./kernels/parts.ts";
import { gatheredRows, joinedColumns, productByColumns } from "./kernels/row_pieces.ts";
import { firstColumnsKernel, joinedRows, scatterRowSums } from "./kernels/rows.ts";
import { signMatmulProduct } from "./kernels/sign_matmul.ts";
import { signSweepKernel } from "./kernels/sign_sweep.ts";
import { signMatrixKernel, signText } from "./kernels/signs.ts";

/** Ops that act element by element. */
export const elementRules: Readonly<Record<string, ElementRule>> = {
  add: ([a, b]) => `${a} + ${b}`,
  subtract: ([a, b]) => `${a} - ${b}`,
  multiply: ([a, b]) => `${a} * ${b}`,
  divide: ([a, b]) => `${a} / ${b}`,
  squareRoot: ([x]) => `sqrt(${x})`,
  // A factor is text, so that it merges with what is around it: a model has a handful of factors in all.
  scaleBy: ([x], { factor }) => `${x} * ${Math.fround(factor as number)}f`,
  silu: ([x]) => `${x} * ${sigmoid(x)}`,
  siluGradient: ([x, upstream]) => {
    const gate = sigmoid(x);
    return `${upstream} * ${gate} * (1.0 + ${x} * (1.0 - ${gate}))`;
  },
  sign: ([x], { zero }) => signText(x, zero as 0 | 1),
  broadcastTo: ([x]) => x,
  reshape: ([x]) => x,
};

/** σ(x). The exponential is kept finite: shaders need not know infinity. */
function sigmoid(x: string): string {
  return `(1.0 / (1.0 + exp(min(-${x}, 87.0))))`;
}

/** All other ops. */
export const kernelRules: Readonly<Record<string, KernelRule>> = {
  constant: (builder, _, { attributes, shape }) =>
    builder.constant(attributes.numbers as Float32Array, shape),
  stopGradient: (_, [x]) => x,
  sumTo: (builder, [x], { shape }) => columnSums(builder, x, shape),
  difference: (builder, [fine, base], { attributes }) =>
    builder.dispatch(differenceKernel(fine, base, attributes.type as FloatType)),

  matmul: (builder, [first, second], { attributes }) =>
    matrixProduct(builder, first, second, attributes),
  subtractProduct: (builder, [c, first, second], { attributes }) =>
    builder.dispatch(differenceOf(c, matrixProduct(builder, first, second, attributes))),
  signMatrix: (builder, [mask], { shape }) => builder.dispatch(signMatrixKernel(mask, shape)),
  integerMatrix: (builder, [planes, scale, zero], { attributes, shape }) =>
    builder.dispatch(
      integerMatrixKernel({ planes, scale, zero }, shape, attributes as Record<string, number>),
    ),
  signMatmul: (builder, [first, mask]) =>
    fewRowsSignProduct(builder, { first, mask }) ?? signMatmulProduct(builder, { first, mask }),
  gatherRows: (builder, [matrix, indices]) => gatheredRows(builder, matrix, indices),
  scatterRows: (builder, [x, indices], { shape }) => scatterRowSums(builder, x, indices, shape),
  concatenateRows: joinedRows,
  firstColumns: (builder, [x], { shape }) => builder.dispatch(firstColumnsKernel(x, shape)),

  cachedAttention: (builder, operands, { attributes }) => {
    const [queries, keys, values, keyCache, valueCache, sequences, positions, pages] = operands;
    return attendedRows(
      builder,
      { queries, keys, values, keyCache, valueCache, sequences, positions, pages },
      attributes as unknown as CacheLayout,
    );
  },
  groupedMatmul: (builder, [x, matrices, groups]) => groupedProduct(builder, x, matrices, groups),
  groupedSignMatmul: (builder, [x, masks, groups]) => groupedSignProduct(builder, x, masks, groups),
  groupedRows: (builder, [tables, groups, indices]) =>
    groupedRows(builder, tables, { groups, indices }),

  concatenateColumns: joinedColumns,
  submatrix: (builder, [x], { attributes, shape }) => {
    const { row, column } = attributes as Record<string, number>;
    return builder.dispatch(submatrixKernel(x, shape, { row, column }));
  },
  padColumns: (builder, [x], { attributes, shape }) =>
    builder.dispatch(padColumnsKernel(x, shape, attributes.before as number)),

  rmsNormalize: (builder, [x], { attributes }) => rmsNormalized(builder, x, epsilonOf(attributes)),
  rmsNormalizeGradient: (builder, [x, upstream], { attributes }) =>
    rmsNormalizedGradient(builder, x, upstream, epsilonOf(attributes)),

  rotary: (builder, [x], { attributes }) => {
    const sequence = attributes.sequence as number;
    const frequencies = attributes.frequencies as Float32Array;
    const attentionFactor = attributes.attentionFactor as number;
    return rotatedPairs(builder, x, rotationTables(sequence, { frequencies, attentionFactor }), {
      sequence,
      pairs: frequencies.length,
      direction: attributes.inverse ? -1 : 1,
    });
  },
  rotaryRows: (builder, [x, cosines, sines]) =>
    builder.dispatch(rotationKernel(x, { cosines, sines })),
  attentionScores: (builder, [queries, keys], { attributes, shape }) =>
    builder.dispatch(scoresKernel(queries, keys, shape, headSizes(attributes))),
  maskedSoftmax: (builder, [scores, keys], { attributes, shape }) => {
    const span = attributes.slidingWindow as number | null ?? shape[2];
    return maskedSoftmaxes(builder, scores, { span, keys });
  },
  softmaxGradient: (builder, [p, g]) => softmaxPartials(builder, p, g),
  attentionMix: (builder, [weights, values], { attributes, shape }) => {
    const transposed = attributes.transposed as boolean;
    return builder.dispatch(
      mixKernel(weights, values, shape, headSizes(attributes), transposed),
    );
  },

  crossEntropy: (builder, [logits, labels]) => crossEntropies(builder, logits, labels),
  crossEntropyGradient: (builder, [logits, labels, upstream]) =>
    crossEntropyPartials(builder, logits, labels, upstream),
  klDivergence: (builder, [teacher, student]) => klDivergences(builder, teacher, student),
  klGradient: (builder, [teacher, student, upstream]) =>
    klPartials(builder, teacher, student, upstream),
  argmax: (builder, [logits]) => firstLargest(builder, logits),

  addDiagonal: (builder, [x, ridge], { attributes }) =>
    builder.dispatch(addDiagonalKernel(x, ridge, attributes.first as number)),
  residualBlock: (builder, operands, { attributes }) =>
    builder.dispatch(residualBlockKernel(operands, attributes.begin as number)),
  gptqBlock: (builder, [weights, factor], { attributes, shape }) =>
    builder.dispatch(
      gptqBlockKernel(weights, factor, shape, attributes as Record<string, number>),
    ),
  gptqSignBlock: (builder, operands) => builder.dispatch(gptqSignBlockKernel(operands)),
  choleskyBlock: (builder, [a, ridge], { attributes }) =>
    builder.dispatch(choleskyBlockKernel(a, ridge, attributes.upper as boolean)),

  coupledSignSweep: (builder, operands, { attributes }) =>
    builder.dispatch(signSweepKernel(operands, attributes.passes as number)),
  signSweep: (builder, operands, { attributes }) =>
    builder.dispatch(signSweepKernel(operands, attributes.passes as number)),

  ...attentionRules,
  ...deltaLinearRules,
  ...deltaProjectionRules,
  ...groupedLayerRules,
  ...rmsNormRules,
  ...scaledRotaryRules,
  ...signProductRules,
};

function matrixProduct(
  builder: KernelBuilder,
  first: Operand,
  second: Operand,
  attributes: Attributes,
): Operand {
  const { transposeFirst, transposeSecond } = attributes as Record<string, boolean>;
  const product = (second: Operand) => {
    const isLinear = transposeSecond && !transposeFirst;
    const factors = { first, second, transposeFirst, transposeSecond };
    return isLinear && fewRowsProduct(builder, factors) || matmulProduct(builder, factors);
  };
  if (transposeSecond) return productByColumns(builder, second, product);
  return product(second)[0];
}

function epsilonOf(attributes: Attributes): number {
  return attributes.epsilon as number;
}

function headSizes(attributes: Attributes): HeadSizes {
  const { headSize, keyHeads } = attributes as Record<string, number>;
  return { headSize, keyHeads };
}
