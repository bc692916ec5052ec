/** What tenants of one plan add to their rows together: of every codec what each tenant's own matrix gives alone. */

import assert from "node:assert/strict";
import { byteCount, fromFloat32, toFloat32 } from "../../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../../lib/checkpoint/weights.ts";
import type { CompressedLayer, LayerForm } from "../../../lib/codecs/codec.ts";
import { codecs } from "../../../lib/codecs/mod.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { input } from "../../../lib/graph/graph.ts";
import { Family, familyProduct, FIRST } from "../../../lib/model/serving/tenant_family.ts";
import { transposeBits } from "../../../lib/model/serving/tenant_numbers.ts";
import { planBytes, planLayer } from "../../../lib/model/serving/tenant_plan.ts";
import { SeededRandom } from "../../../lib/util/random.ts";
import { decodeLayer } from "../../codecs/decode_layer.ts";
import { randomLayer } from "../../codecs/random_layer.ts";

type Terms = LayerForm["terms"];

/** A form or several of every codec that has a product; the others' layers are formed. */
const forms: Record<string, Terms[number]["form"][]> = {
  "signs": [
    ...["scalar", "row", "column", "row and column"].map((scale) => ({ scale })),
    { scale: "row and column", type: "F16" },
  ],
  "ternary": [{ scale: "scalar" }, { scale: "row" }],
  "low-rank": [{ rank: 2, type: "F16" }, { rank: 3, type: "F32" }],
  "rounded-low-rank": [{ rank: 3, bits: 2 }],
  "double-binary": [{ inner: 37, type: "F16" }],
  "integers": [{ bits: 4, group: 32, type: "F16", ordered: false }],
};

/** Those that are lifted, with widths inside that are whole words. */
const lifted: [string, Terms[number]["form"]][] = [
  ...forms.signs.map((form): [string, Terms[number]["form"]] => ["signs", form]),
  ["ternary", { scale: "row" }],
  ["low-rank", { rank: 2, type: "F16" }],
  ["rounded-low-rank", { rank: 32, bits: 2 }],
  ["double-binary", { inner: 64, type: "F16" }],
];

const cases: [string, Terms][] = [
  ...Object.entries(forms).flatMap(([codec, all]) =>
    all.map((form): [string, Terms] => [`${codec} ${JSON.stringify(form)}`, [{ codec, form }]])
  ),
  ["three terms, one that is not lifted", [
    { codec: "signs", form: { scale: "row" } },
    { codec: "integers", form: { bits: 2, group: 32, type: "BF16", ordered: false } },
    { codec: "low-rank", form: { rank: 1, type: "F16" } },
  ]],
];

/** Of widths of whole words and none. */
const shapes: LinearShape[] = [[9, 41], [33, 64]];

/** Rows of three tenants, of one twice and one not at all, of another tenant, and of nobody. */
const OWNERS = [2, 0, -1, 2, 3];

Deno.test("every codec with a product is among the cases", () => {
  const names = codecs.filter(({ product }) => product).map(({ name }) => name);
  assert.deepEqual(names.toSorted(), Object.keys(forms).toSorted());
});

for (const [name, terms] of cases) {
  Deno.test(`${name}: rows of several tenants get what each one's matrix gives`, async () => {
    const random = new SeededRandom(5);
    for (const shape of shapes) {
      const form: LayerForm = { shape, role: "delta", terms };
      const layers = OWNERS.map(() => randomLayer(form, random));
      const x = Float32Array.from(
        { length: OWNERS.length * shape[1] },
        () => random.uniform() - 0.5,
      );
      const found = await products(form, layers, x);
      const [outSize, inSize] = shape;
      for (const [row, owner] of OWNERS.entries()) {
        const matrix = owner < 0 || owner > 2 ? null : decodeLayer(layers[owner]);
        for (let o = 0; o < outSize; o++) {
          let [expected, size] = [0, 0];
          for (let i = 0; matrix && i < inSize; i++) {
            const product = x[row * inSize + i] * matrix[o * inSize + i];
            expected += product;
            size += Math.abs(product);
          }
          const value = found[row * outSize + o];
          assert.ok(
            Math.abs(value - expected) <= 1e-4 * size,
            `[${shape}] ${row}, ${o}: ${value}, ${expected}`,
          );
        }
      }
    }
  });
}

Deno.test("a tenant whose numbers are beyond floats leaves those of others as they are", async () => {
  const random = new SeededRandom(5);
  const shape: LinearShape = [9, 41];
  const [form] = forms.integers;
  const ofLayer: LayerForm = {
    shape,
    role: "delta",
    terms: [{ codec: "integers", form: { ...form, type: "BF16" } }],
  };
  const layers = OWNERS.map(() => randomLayer(ofLayer, random));
  const x = Float32Array.from({ length: OWNERS.length * shape[1] }, () => random.uniform() - 0.5);
  const before = await products(ofLayer, layers, x);
  const { scale } = layers[0].terms[0].parts;
  scale.bytes.set(fromFloat32(toFloat32(scale).map(() => 3e38), "BF16"));
  const found = await products(ofLayer, layers, x);
  const rowOf = (values: ArrayLike<number>, row: number) =>
    Array.from(values).slice(9 * row, 9 * (row + 1));
  assert.ok(!rowOf(found, 1).every(Number.isFinite));
  for (const row of [0, 2, 3]) assert.deepEqual(rowOf(found, row), rowOf(before, row));
});

/** The products of a family of the first three tenants. */
async function products(form: LayerForm, layers: readonly CompressedLayer[], x: Float32Array) {
  const engine = onnxEngine({ threads: 1 });
  const plan = planLayer(form, "F32");
  const family = new Family(engine, "layer", plan);
  const owners = [{}, {}, {}, {}];
  // A slot that was another's is used again.
  const add = (owner: number) =>
    family.add(owners[owner], layers[owner].terms.map(({ parts }) => parts));
  await add(3);
  await add(0);
  family.remove(owners[3]);
  await add(1);
  await add(2);
  const ofRows = OWNERS.map((owner) => owners[owner] ?? null);
  const rows = OWNERS.length;
  const y = familyProduct(input("x", [rows, form.shape[1]]), plan, {
    prefix: "of",
    capacity: family.tables.capacity,
    members: family.isLifted ? 0 : 2,
    isAlone: false,
  });
  const program = await engine.compile({ y });
  const feeds = { ...family.feeds("of", ofRows), [FIRST]: new Int32Array(rows), x };
  const { y: found } = await program.run(feeds);
  await program.release();
  owners.forEach((each) => family.remove(each));
  assert.equal(family.tables.capacity, 0);
  return found;
}

for (const [codec, form] of lifted) {
  Deno.test(`${codec} ${JSON.stringify(form)} takes the bytes of its parts, and of scales as vectors`, () => {
    const shape: LinearShape = [64, 96];
    const plan = planLayer({ shape, role: "delta", terms: [{ codec, form }] }, "F32");
    assert.ok(plan.terms.every(({ tables }) => tables !== null));
    const parts = plan.terms.flatMap((term) => Object.values(term.parts));
    const bytes = parts.map(({ dtype, shape: sides }) =>
      sides.length === 2 ? byteCount({ dtype, shape: sides }) : 4 * (sides[0] ?? shape[0])
    );
    assert.equal(planBytes(plan), bytes.reduce((sum, each) => sum + each, 0));
  });
}

Deno.test("bits turned are those of the matrix turned", () => {
  const [rows, columns] = [70, 37];
  const random = new SeededRandom(3);
  const words = Int32Array.from({ length: 3 * columns }, () => random.integer(2 ** 32) | 0);
  const turned = transposeBits(words, columns, rows);
  assert.equal(turned.length, 2 * rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const bit = words[(row >> 5) * columns + column] >>> (row & 31) & 1;
      assert.equal(
        turned[(column >> 5) * rows + row] >>> (column & 31) & 1,
        bit,
        `${row}, ${column}`,
      );
    }
  }
});
