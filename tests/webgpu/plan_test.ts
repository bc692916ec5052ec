/** The memory plan against its promise: tensors that are alive together never share a buffer. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { input, type Value } from "../../lib/graph/graph.ts";
import { add, reshape, sumTo } from "../../lib/graph/ops/elementwise.ts";
import { groupedRows } from "../../lib/graph/ops/grouped.ts";
import { concatenateRows } from "../../lib/graph/ops/matrix.ts";
import { lower, type LoweredGraph, type Tensor } from "../../lib/engines/webgpu/lower.ts";
import { type MemoryPlan, planMemory, tensorBytes } from "../../lib/engines/webgpu/plan.ts";

const features = {
  subgroups: false,
  float16: false,
  workgroupBytes: 16384,
  workgroupInvocations: 256,
};

/** Runs the plan with numbers of the tensors in the place of memory: who lies in a buffer last? */
function assertSound({ dispatches, outputs }: LoweredGraph, plan: MemoryPlan): void {
  const holds = new Map<number, Tensor>();
  const kept = new Set(outputs.values());
  for (const { reads, writes } of dispatches) {
    const read = reads.filter((each) => plan.bufferOf.has(each));
    for (const tensor of read) {
      assert.equal(holds.get(plan.bufferOf.get(tensor)!), tensor, "overwritten before it was read");
    }
    for (const tensor of writes) {
      if (kept.has(tensor)) continue;
      const buffer = plan.bufferOf.get(tensor)!;
      assert.ok(!read.some((each) => plan.bufferOf.get(each) === buffer), "read while written");
      assert.ok(plan.buffers[buffer] >= tensorBytes(tensor));
      holds.set(buffer, tensor);
    }
  }
}

/** A graph of values `[rows, 4]`: each step adds two values of one height, or joins or sums one. */
const graphs = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(2)), { minLength: 1, maxLength: 25 })
  .map((steps) => {
    const values: Value[] = [input("x", [3, 4]), input("y", [5, 4])];
    for (const [first, second, kind] of steps) {
      const a = values[first % values.length];
      const alike = values.filter(({ shape }) => shape[0] === a.shape[0]);
      const b = alike[second % alike.length];
      if (kind === 0) values.push(sumTo(add(a, b), [4]), a);
      else if (kind === 1 && a.shape.length === 2 && b.shape.length === 2) {
        values.push(concatenateRows([a, b]));
      } else values.push(add(a, b));
    }
    return { last: values[values.length - 1], middle: values[values.length >> 1] };
  });

Deno.test("no tensor is overwritten before its last reader, in any graph", () => {
  fc.assert(fc.property(graphs, (outputs) => {
    const graph = lower(outputs, { features });
    assertSound(graph, planMemory(graph));
  }));
});

Deno.test("what reads a part of a tensor reads all of it: no kernel writes there before or meanwhile", () => {
  const x = input("x", [3, 4]);
  const computed = sumTo(add(x, x), [4]);
  const [groups, indices] = ["groups", "indices"].map((name) => input(name, [2], "i32"));
  const table = reshape(concatenateRows([x, add(x, x)]), [1, 6, 4]);
  const taken = groupedRows(table, groups, indices);
  const graph = lower({ out: add(add(taken, taken), computed) }, { features });
  const { bufferOf } = planMemory(graph);
  const whole = (tensor: Tensor): Tensor =>
    "partOf" in tensor.source ? tensor.source.partOf : tensor;
  const reader = graph.dispatches.find(({ kernel }) => kernel.name === "groupedRows")!;
  const read = reader.reads.map((each) => bufferOf.get(whole(each)));
  assert.ok(read.some((each) => each !== undefined));
  for (const tensor of reader.writes) assert.ok(!read.includes(bufferOf.get(tensor)));
});

Deno.test("a chain needs two buffers, however long it is", () => {
  let value: Value = input("x", [8, 4]);
  for (let length = 0; length < 20; length++) value = concatenateRows([sumTo(value, [4])].map(row));
  const { buffers } = planMemory(lower({ value }, { features }));
  assert.equal(buffers.length, 2);

  function row(vector: Value): Value {
    return { ...add(vector, vector), shape: [1, 4] };
  }
});
