/**
 * Cross-entropy, KL divergence, their gradients and argmax over the vocabulary: one workgroup a token goes
 * through its logits, and no probability is stored.
 */

import type { KernelBuilder, Operand } from "../kernel.ts";
import { rowKernel, WORKGROUP } from "./grid.ts";
import { softmaxTotals, workgroupFirst, workgroupMax } from "./workgroup_reduce.ts";

const EACH_COLUMN = `for (var column = lane; column < sizes.columns; column += ${WORKGROUP}u)`;

/** NLL[t] = log Σᵥ e^logits[t, v] − logits[t, label[t]]; NaN for a label that is no token. */
export function crossEntropies(
  builder: KernelBuilder,
  logits: Operand,
  labels: Operand,
): Operand[] {
  const [rows, columns] = logits.shape;
  return builder.dispatch(rowKernel(rows, {
    name: "crossEntropy",
    reads: { logits, labels },
    writes: { losses: { shape: [rows] } },
    sizes: { columns },
    factors: { absent: NaN },
    module: softmaxTotals(builder.features, "logits_at"),
    body: `
let start = row * sizes.columns;
let totals = logits_at_totals(start, sizes.columns, lane);
if (lane == 0u) {
  let label = bitcast<u32>(labels[row]);
  let chosen = logits_at(start + min(label, sizes.columns - 1u));
  let loss = (totals.x - chosen) + log(totals.y);
  losses[row] = select(factors.absent, loss, label < sizes.columns);
}`,
  }));
}

/** g[t] · (softmax(logits[t]) − onehot(label[t])) */
export function crossEntropyPartials(
  builder: KernelBuilder,
  logits: Operand,
  labels: Operand,
  upstream: Operand,
): Operand[] {
  const [rows, columns] = logits.shape;
  return builder.dispatch(rowKernel(rows, {
    name: "crossEntropyGradient",
    reads: { logits, labels, upstream },
    writes: { partial: { shape: logits.shape } },
    sizes: { columns },
    module: softmaxTotals(builder.features, "logits_at"),
    body: `
let start = row * sizes.columns;
let totals = logits_at_totals(start, sizes.columns, lane);
let weight = upstream_at(row);
let label = bitcast<u32>(labels[row]);
${EACH_COLUMN} {
  let probability = exp(logits_at(start + column) - totals.x) / totals.y;
  partial[start + column] = weight * (probability - select(0.0, 1.0, column == label));
}`,
  }));
}

/** KL[t] = Σᵥ p(v) · (log p(v) − log q(v)), p the teacher's distribution and q the student's. */
export function klDivergences(
  builder: KernelBuilder,
  teacher: Operand,
  student: Operand,
): Operand[] {
  const [rows, columns] = teacher.shape;
  return builder.dispatch(rowKernel(rows, {
    name: "klDivergence",
    reads: { teacher, student },
    writes: { divergences: { shape: [rows] } },
    sizes: { columns },
    module: softmaxTotals(builder.features, "teacher_at", "student_at"),
    // Logits are subtracted before anything else: two models that agree leave small numbers only.
    body: `
let start = row * sizes.columns;
let p = teacher_at_totals(start, sizes.columns, lane);
let q = student_at_totals(start, sizes.columns, lane);
let shift = (p.x - q.x) + log(p.y / q.y);
var sum = 0.0;
${EACH_COLUMN} {
  let logit = teacher_at(start + column);
  sum = fma(exp(logit - p.x), (logit - student_at(start + column)) - shift, sum);
}
let total = workgroupSum(sum, lane);
if (lane == 0u) { divergences[row] = total / p.y; }`,
  }));
}

/** g[t] · (softmax(student[t]) − softmax(teacher[t])) */
export function klPartials(
  builder: KernelBuilder,
  teacher: Operand,
  student: Operand,
  upstream: Operand,
): Operand[] {
  const [rows, columns] = student.shape;
  return builder.dispatch(rowKernel(rows, {
    name: "klGradient",
    reads: { teacher, student, upstream },
    writes: { partial: { shape: student.shape } },
    sizes: { columns },
    module: softmaxTotals(builder.features, "teacher_at", "student_at"),
    body: `
let start = row * sizes.columns;
let p = teacher_at_totals(start, sizes.columns, lane);
let q = student_at_totals(start, sizes.columns, lane);
let weight = upstream_at(row);
${EACH_COLUMN} {
  let at = start + column;
  let student = exp(student_at(at) - q.x) / q.y;
  partial[at] = weight * (student - exp(teacher_at(at) - p.x) / p.y);
}`,
  }));
}

/** argmax of each row of logits `[rows, columns]`, the lowest column on a tie: i32 `[rows]`. */
export function firstLargest(builder: KernelBuilder, logits: Operand): Operand[] {
  const [rows, columns] = logits.shape;
  return builder.dispatch(rowKernel(rows, {
    name: "argmax",
    reads: { logits },
    writes: { tokens: { shape: [rows], type: "i32" } },
    sizes: { columns },
    module: workgroupMax(builder.features) + workgroupFirst(builder.features),
    // Invocations beyond the columns repeat the last one, which changes no result.
    body: `
let start = row * sizes.columns;
var first = min(lane, sizes.columns - 1u);
var largest = logits_at(start + first);
for (var column = lane + ${WORKGROUP}u; column < sizes.columns; column += ${WORKGROUP}u) {
  let logit = logits_at(start + column);
  if (logit > largest) {
    largest = logit;
    first = column;
  }
}
let all = workgroupMax(largest, lane);
let found = workgroupFirst(select(sizes.columns, first, largest == all), lane);
if (lane == 0u) { tokens[row] = i32(found); }`,
  }));
}
