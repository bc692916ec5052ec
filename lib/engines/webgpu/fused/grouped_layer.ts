/**
 * `groupedSignLayer`: the signs of each row's tenant, scaled and added to what the base gives, and to what the layer is
 * added to, as one op where four would follow each other; and the rewritings that make it.
 */

import { sameShape, type Value } from "../../../graph/graph.ts";
import { elementCount } from "../../../checkpoint/tensor.ts";
import type { KernelBuilder, KernelRule, Operand } from "../kernel.ts";
import { groupedSignProduct } from "../kernels/few_rows.ts";
import { elementKernel } from "../kernels/grid.ts";
import { groupedRows } from "../kernels/grouped_rows.ts";
import type { RowLayer } from "../kernels/row_groups.ts";
import { fusedOp } from "./op.ts";
import type { RewriteRule, UsersOf } from "./rewrite.ts";

/** Inputs before the addends. */
const BEFORE_ADDENDS = 5;
/** With what else the kernel binds they are the 8 storage buffers of any device. */
const MOST_ADDENDS = 2;

/** The WGSL of the op. */
export const groupedLayerRules: Readonly<Record<string, KernelRule>> = {
  groupedSignLayer: (builder, [x, masks, groups, vectors, indices, ...addends]) => {
    const layer = { scale: { vectors, indices }, addends };
    if (4 * elementCount(masks.shape) <= (builder.features.bindingBytes ?? Infinity)) {
      return groupedSignProduct(builder, x, masks, groups, layer);
    }
    // Pieces of masks have one more operand, what those before them gave.
    const product = groupedSignProduct(builder, x, masks, groups);
    return added(builder, product, groupedRows(builder, vectors, { groups, indices }), layer);
  },
};

function added(
  builder: KernelBuilder,
  product: Operand,
  scale: Operand,
  { addends }: RowLayer,
): Operand {
  const names = addends.map((_, index) => `addend${index}`);
  const [y] = builder.dispatch(elementKernel(elementCount(product.shape), {
    name: "groupedSignLayer",
    reads: {
      product,
      scale,
      ...Object.fromEntries(names.map((name, index) => [name, addends[index]])),
    },
    writes: { y: { shape: product.shape } },
    body: `y[i] = ${names.map((name) => `${name}_at(i) + `).join("")}product_at(i) * scale_at(i);`,
  }));
  return y;
}

/** base + signs ∘ scale becomes one op where the rows of both are taken by the same groups. */
export const fuseGroupedLayer: RewriteRule = (value, usersOf) => {
  if (value.operation !== "add") return null;
  for (const [base, scaled] of [value.inputs, value.inputs.toReversed()]) {
    if (scaled.operation !== "multiply" || !sameShape(base.shape, value.shape)) continue;
    const product = scaled.inputs.find(({ operation }) => operation === "groupedSignMatmul");
    const scale = scaled.inputs.find(({ operation }) => operation === "groupedRows");
    const inner = [scaled, product, scale];
    if (!product || !scale || !inner.every((each) => isInner(each!, usersOf))) continue;
    const [x, masks, groups] = product.inputs;
    const [vectors, ofVectors, indices] = scale.inputs;
    if (ofVectors !== groups) continue;
    const operands = [x, masks, groups, vectors, indices, base];
    return fusedOp("groupedSignLayer", operands, value.shape);
  }
  return null;
};

/** What such a layer is added to becomes part of it. */
export const fuseResidual: RewriteRule = (value, usersOf) => {
  if (value.operation !== "add") return null;
  for (const [residual, layer] of [value.inputs, value.inputs.toReversed()]) {
    if (layer.operation !== "groupedSignLayer" || !isInner(layer, usersOf)) continue;
    const hasRoom = layer.inputs.length < BEFORE_ADDENDS + MOST_ADDENDS;
    if (!hasRoom || !sameShape(residual.shape, value.shape)) continue;
    return fusedOp("groupedSignLayer", [...layer.inputs, residual], value.shape);
  }
  return null;
};

function isInner(value: Value, usersOf: UsersOf): boolean {
  return usersOf(value).length === 1;
}
