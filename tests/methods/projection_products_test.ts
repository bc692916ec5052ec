import assert from "node:assert/strict";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import {
  projectionProducts,
  type ProjectionSettings,
} from "../../lib/methods/projection_products.ts";
import { float32Tensor, fromFloat32 } from "../../lib/checkpoint/tensor.ts";
import { differenceMatrix } from "../../lib/delta/difference.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import type { Engine, Program } from "../../lib/graph/engine.ts";
import type { Value } from "../../lib/graph/graph.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { withMemory } from "../graph/with_memory.ts";
import { openWebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { gpuTest } from "../webgpu/gpu.ts";
import { engine } from "./oracle_pair.ts";

const BOUND = 1e-5;

/** ⟨Uᵢ, Vᵢ⟩ and ⟨Vᵢ, Vᵢ⟩ by their definition, in float64. */
function plainProducts(
  inputs: Float32Array,
  delta: Float32Array,
  [outputSize, inputSize]: LinearShape,
  zero: 0 | 1,
) {
  const cross = new Float64Array(outputSize);
  const square = new Float64Array(outputSize);
  for (let row = 0; row < inputs.length / inputSize; row++) {
    for (let output = 0; output < outputSize; output++) {
      let [projected, signed] = [0, 0];
      for (let i = 0; i < inputSize; i++) {
        const x = inputs[row * inputSize + i];
        const weight = delta[output * inputSize + i];
        projected += x * weight;
        signed += x * (weight === 0 ? zero : Math.sign(weight));
      }
      cross[output] += projected * signed;
      square[output] += signed * signed;
    }
  }
  return { cross, square };
}

/** The products of one layer. */
async function measured(
  programs: ProgramCache,
  inputs: Float32Array,
  delta: Float32Array,
  shape: LinearShape,
  settings: ProjectionSettings,
) {
  const placed = await programs.engine.place(inputs);
  const fine = float32Tensor(delta, shape);
  const base = float32Tensor(new Float32Array(delta.length), shape);
  return await projectionProducts(programs, placed, { name: "layer", shape, base, fine }, settings);
}

/** Normal numbers of which every seventh is 0. */
function normals(count: number, seed: number): Float32Array {
  const random = new SeededRandom(seed);
  return Float32Array.from({ length: count }, (_, at) => at % 7 === 3 ? 0 : random.normal());
}

/** Memory for blocks of 60 numbers of Δ, of which a run holds four. */
const MEMORY = 128 * 4 * 4 * 60;
// One block, exactly one, two that overlap, three, three that overlap, and rows that pass the memory alone.
const SHAPES: LinearShape[] = [[1, 1], [20, 3], [21, 3], [60, 3], [50, 3], [5, 33], [3, 99]];

for (const zero of [0, 1] as const) {
  Deno.test(`products are those of plain loops, sign of a zero ${zero}`, async () => {
    await assertPlain(withMemory(engine, MEMORY), zero);
  });

  gpuTest(`on a GPU products are those of plain loops, sign of a zero ${zero}`, async (gpu) => {
    await assertPlain(withMemory(gpu, MEMORY), zero);
  });
}

async function assertPlain(engine: Engine, zero: 0 | 1): Promise<void> {
  await using programs = new ProgramCache(engine);
  const settings = { centred: false, zero };
  for (const [index, shape] of SHAPES.entries()) {
    for (const rows of [1, 6]) {
      const inputs = normals(rows * shape[1], index + 10);
      const delta = normals(shape[0] * shape[1], index + 20);
      // A zero is a zero, whatever its own sign.
      delta.forEach((each, at) => delta[at] = each === 0 && at % 2 === 0 ? -0 : each);
      const found = await measured(programs, inputs, delta, shape, settings);
      const expected = plainProducts(inputs, delta, shape, zero);
      const label = `[${shape}], ${rows} rows`;
      assertWithin(relativeError(found.cross, expected.cross), BOUND, `cross of ${label}`);
      assertWithin(relativeError(found.square, expected.square), BOUND, `square of ${label}`);
    }
  }
}

Deno.test("products are made of as many rows at a time as the memory holds", async () => {
  for (const [memory, rows] of [[MEMORY, 17], [MEMORY - 128 * 12, 17], [3 * MEMORY, 50], [0, 1]]) {
    const compiled: Value[] = [];
    const watched: Engine = {
      ...withMemory(engine, memory),
      compile: (outputs) => {
        compiled.push(outputs.cross);
        return engine.compile(outputs);
      },
    };
    await using programs = new ProgramCache(watched);
    const settings = { centred: false, zero: 0 } as const;
    await measured(programs, normals(3, 1), normals(150, 2), [50, 3], settings);
    assert.deepEqual(compiled.map(({ shape }) => shape), [[rows]], `${memory} bytes`);
  }
});

Deno.test("a layer's products do not depend on layers of the same shape before it", async () => {
  const shape: LinearShape = [6, 9];
  const [inputs, delta, other] = [normals(36, 1), normals(54, 2), normals(54, 3)];
  await using programs = new ProgramCache(engine);
  const settings = { centred: false, zero: 0 } as const;
  const alone = await measured(programs, inputs, delta, shape, settings);
  const between = await measured(programs, inputs, other, shape, settings);
  const again = await measured(programs, inputs, delta, shape, settings);
  const expected = plainProducts(inputs, other, shape, 0);
  assertWithin(relativeError(between.cross, expected.cross), BOUND, "the layer between");
  assertWithin(relativeError(again.cross, alone.cross), 0, "the same layer again");
});

Deno.test("centred inputs are those less their mean", async () => {
  const shape: LinearShape = [4, 3];
  const rows = 50;
  const inputs = normals(rows * 3, 7).map((each, at) => each + 1000 * (at % 3));
  const mean = [0, 1, 2].map((column) =>
    inputs.reduce((sum, each, at) => at % 3 === column ? sum + each / rows : sum, 0)
  );
  const centred = inputs.map((each, at) => each - mean[at % 3]);
  const deltas = [normals(12, 8), normals(12, 9)];
  await using programs = new ProgramCache(engine);
  const settings = { centred: true, zero: 1 } as const;
  for (const delta of deltas) {
    const found = await measured(programs, inputs, delta, shape, settings);
    const { cross, square } = plainProducts(centred, delta, shape, 1);
    // Numbers near 2000 leave four digits of their distance from the mean in 32-bit floats.
    assertWithin(relativeError(found.cross, cross), 1e-4, "cross");
    assertWithin(relativeError(found.square, square), 1e-4, "square");
  }
});

for (const dtype of ["BF16", "F16", "F32"] as const) {
  const shape: LinearShape = [21, 3];
  const matrices = () => {
    const base = normals(63, 1);
    const fine = base.map((each, at) => each + 0.01 * (at % 5 - 2));
    return [base, fine].map((each) => ({ dtype, shape, bytes: fromFloat32(each, dtype) }));
  };
  const assertDifference = async (engine: Engine, memory: number) => {
    const [base, fine] = matrices();
    await using programs = new ProgramCache(withMemory(engine, memory));
    const inputs = normals(12, 3);
    const settings = { centred: false, zero: 0 } as const;
    const layer = { name: "layer", shape, base, fine };
    const placed = await engine.place(inputs);
    const found = await projectionProducts(programs, placed, layer, settings);
    const expected = plainProducts(inputs, differenceMatrix(base, fine), shape, 0);
    assertWithin(relativeError(found.cross, expected.cross), BOUND, "cross");
    assertWithin(relativeError(found.square, expected.square), BOUND, "square");
  };

  Deno.test(`products of two ${dtype} weights are those of their difference in that type`, async () => {
    for (const memory of [MEMORY, 10 * MEMORY]) await assertDifference(engine, memory);
  });

  gpuTest(
    `on a GPU products of two ${dtype} weights are those of their difference`,
    async (gpu) => {
      for (const memory of [MEMORY, 10 * MEMORY]) await assertDifference(gpu, memory);
    },
  );
}

Deno.test("weights that are taken whole are placed themselves, and those in blocks by their rows", async () => {
  const shape: LinearShape = [20, 3];
  const [base, fine] = [4, 5].map((seed) => float32Tensor(normals(60, seed), shape));
  const layer = { name: "layer", shape, base, fine };
  for (const [memory, blocks] of [[MEMORY, 1], [MEMORY / 2, 2]]) {
    const given: unknown[] = [];
    const watched: Engine = {
      ...withMemory(engine, memory),
      place: (numbers, name) => {
        given.push(numbers);
        return engine.place(numbers, name);
      },
    };
    await using programs = new ProgramCache(watched);
    const inputs = await engine.place(normals(3, 6));
    await projectionProducts(programs, inputs, layer, { centred: false, zero: 0 });
    assert.equal(given.length, 2 * blocks);
    assert.equal(given.includes(base) && given.includes(fine), blocks === 1);
  }
});

Deno.test("layers whose products are asked for together are placed one at a time", async () => {
  const shape: LinearShape = [20, 3];
  let [placed, most] = [0, 0];
  const watched: Engine = {
    ...engine,
    place: async (numbers, name) => {
      const each = await engine.place(numbers, name);
      most = Math.max(most, ++placed);
      return { ...each, release: () => void placed-- };
    },
    compile: async (outputs) => {
      const program = await engine.compile(outputs);
      const keep: Program["keep"] = async ({ inputs }) => {
        await new Promise((resolve) => setTimeout(resolve, 0));
        assert.equal(placed, 2);
        return await program.keep({ inputs, base: normals(60, 1), fine: normals(60, 2) });
      };
      return { run: (feeds) => program.run(feeds), keep, release: () => program.release() };
    },
  };
  await using programs = new ProgramCache(watched);
  const inputs = await engine.place(normals(3, 6));
  const weight = float32Tensor(normals(60, 1), shape);
  const layer = { name: "layer", shape, base: weight, fine: weight };
  const ask = () => projectionProducts(programs, inputs, layer, { centred: false, zero: 0 });
  await Promise.all([ask(), ask(), ask(), ask()]);
  assert.deepEqual([placed, most], [0, 2]);
});

gpuTest(
  "on a GPU layers whose products are asked for together are waited for twice at most",
  async () => {
    using gpu = await openWebGpuEngine();
    const shape: LinearShape = [20, 3];
    await using programs = new ProgramCache(gpu);
    const inputs = await gpu.place(normals(3, 6));
    const { counts } = gpu.device;
    const ask = (seed: number) => {
      const [base, fine] = [seed, seed + 10].map((each) => float32Tensor(normals(60, each), shape));
      const layer = { name: `layer ${seed}`, shape, base, fine };
      return projectionProducts(programs, inputs, layer, { centred: false, zero: 0 });
    };
    await ask(1);
    const before = counts.waits;
    await Promise.all([2, 3, 4, 5, 6, 7, 8].map(ask));
    // What is read as soon as it is there is waited for apart.
    assert.ok(counts.waits - before <= 2, `${counts.waits - before} waits`);
  },
);
