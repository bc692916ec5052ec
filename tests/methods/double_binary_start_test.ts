/** Starts on the host against half-steps in float64 loops, and the same bits on every engine. */

import assert from "node:assert/strict";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { hostStart } from "../../lib/methods/double_binary/host_start.ts";
import { startKernels } from "../../lib/methods/double_binary/host_kernels.ts";
import { doubleBinary, type DoubleBinarySettings } from "../../lib/methods/double_binary.ts";
import { completeSettings } from "../../lib/util/settings.ts";
import { toInt32 } from "../../lib/checkpoint/tensor.ts";
import {
  apart,
  flat,
  identity,
  matrixOf,
  normalMatrix,
  product,
  secondMoments,
  transposed,
} from "../graph/linear_algebra/plain.ts";
import { gpuTest } from "../webgpu/gpu.ts";
import { engine } from "./oracle_pair.ts";
import { placedLayer, randomLayer } from "./plain_objective.ts";

Deno.test("host kernels are as defined", async () => {
  const kernels = await startKernels(1 << 16);
  const [a, b, g] = [normalMatrix(8, 16, 1), normalMatrix(16, 8, 2), secondMoments(8, 3)];
  const at = (place: number) => 4096 * place;
  const put = (place: number, values: Float32Array) =>
    new Float32Array(kernels.memory.buffer, at(place), values.length).set(values);
  const take = (place: number, rows: number, columns: number) =>
    matrixOf(new Float32Array(kernels.memory.buffer, at(place), rows * columns), rows, columns);
  [a, b, g].forEach((each, place) => put(place, flat(each)));
  kernels.product(at(0), at(1), at(3), 8, 16, 8);
  assert.ok(apart(take(3, 8, 8), product(a, b)) < 1e-6);
  kernels.transpose(at(0), at(4), 8, 16);
  assert.deepEqual(take(4, 16, 8), transposed(a));
  kernels.unit(at(0), at(4), at(5), 8, 16);
  const squares = transposed(take(4, 8, 16)).map((row) => row.reduce((sum, x) => sum + x * x, 0));
  squares.forEach((each) => assert.ok(Math.abs(each - 1) < 1e-6));
  kernels.invert(at(2), at(4), at(5), 8, 0.5);
  const shifted = g.map((row, i) => row.map((each, j) => i === j ? each + 0.5 : each));
  assert.ok(apart(product(take(4, 8, 8), shifted), identity(8)) < 1e-6);
  put(5, new Float32Array(8 * 16).fill(0.25));
  put(6, flat(b));
  kernels.draw(at(0), at(6), at(5), at(7), 0.5, 8 * 16);
  const [x, z] = [flat(a), flat(b)];
  flat(take(7, 8, 16)).forEach((each, i) =>
    assert.ok(Math.abs(each - (x[i] + 0.5 * (z[i] - 0.25))) < 1e-6)
  );
  kernels.project(at(0), at(5), at(7), at(8), at(9), at(10), 8, 16, 20);
  const sum = a.map((row) => row.map((each) => each + 0.25));
  const [signs, left] = [take(7, 8, 16), take(5, 8, 16)];
  // The power method in float64, come to rest.
  const sizes = sum.map((row) => row.map(Math.abs));
  let v = sizes[0].map(() => 1);
  let u = [0];
  for (let step = 0; step < 60; step++) {
    u = sizes.map((row) => row.reduce((all, each, j) => all + each * v[j], 0));
    const length = Math.hypot(...u);
    u = u.map((each) => each / length);
    v = v.map((_, j) => sizes.reduce((all, row, i) => all + row[j] * u[i], 0));
  }
  const expected = sum.map((row, i) => row.map((each, j) => Math.sign(each) * u[i] * v[j]));
  assert.ok(apart(signs, expected) < 1e-5);
  assert.ok(apart(left.map((row, i) => row.map((each, j) => each + signs[i][j])), sum) < 1e-6);
});

Deno.test("a start comes near, nearer with more inner signs, at sides that eight does not divide", async () => {
  const shape: [number, number] = [21, 35];
  const y = normalMatrix(...shape, 4);
  let before = 1;
  for (const inner of [3, 13, 40]) {
    const found = await hostStart(flat(y), shape, { inner, rounds: 20, seed: 1 });
    const left = matrixOf(found.left, 21, inner).map((row, o) =>
      row.map((each, j) => found.row[o] * each * found.middle[j])
    );
    const right = matrixOf(found.right, 35, inner).map((row, i) =>
      row.map((each) => each * found.column[i])
    );
    const distance = apart(product(left, transposed(right)), y);
    assert.ok(distance < 0.93 * before, `${inner}: ${distance}`);
    before = distance;
  }
  assert.ok(before < 0.35, `${before}`);
});

gpuTest("an engine on a GPU comes to the CPU's signs", async (gpu) => {
  const numbers = randomLayer([20, 33], 90);
  const given = { startRounds: 20, polishRounds: 3 };
  const settings = completeSettings(doubleBinary.settings, given, "a test") as DoubleBinarySettings;
  const masks = async (on: Engine) => {
    await using programs = new ProgramCache(on);
    await using layer = await placedLayer(on, numbers);
    const { terms: [term] } = await doubleBinary.compress(layer, settings, on, programs, {});
    return [toInt32(term.parts.left), toInt32(term.parts.right)];
  };
  assert.deepEqual(await masks(gpu), await masks(engine));
});
