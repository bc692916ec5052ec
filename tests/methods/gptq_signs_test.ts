/** Signs by GPTQ against a plain version in float64, and what is known of them. */

import assert from "node:assert/strict";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import { borrowed, Matrices } from "../../lib/graph/linear_algebra/matrices.ts";
import { gptqSigns, inverseFactor, signsAlong } from "../../lib/methods/sign_fitting/gptq_signs.ts";
import type { VectorScales } from "../../lib/methods/sign_fitting/scaled_signs_matrix.ts";
import { type MaskTask, startingSigns } from "../../lib/methods/sign_fitting/start.ts";
import {
  flat,
  inverse,
  type Matrix,
  normalMatrix,
  product,
} from "../graph/linear_algebra/plain.ts";
import { inSlabs, readSlabs } from "./in_slabs.ts";
import { engine } from "./oracle_pair.ts";
import { plainJ, type PlainObjective, plainObjective, randomLayer } from "./plain_objective.ts";

/**
 * Optimal brain quantisation in the inputs' own order, from its definition: the inverse of the second moments of the
 * inputs that are left, without any factor.
 */
function plainSigns({ delta, c }: PlainObjective, { row, column }: VectorScales): Matrix {
  const mean = c.reduce((sum, each, i) => sum + each[i], 0) / c.length;
  let inverted = inverse(c.map((each, i) => each.with(i, each[i] + 0.01 * mean)));
  const left = delta.map((each) => each.slice());
  for (let j = 0; j < c.length; j++) {
    for (const [i, of] of left.entries()) {
      const size = row[i] * column[j];
      const sign = of[j] * size < 0 ? -1 : 1;
      const wrong = (of[j] - sign * size) / inverted[0][0];
      for (let k = j; k < c.length; k++) of[k] -= wrong * inverted[0][k - j];
      of[j] = sign;
    }
    const [first, ...others] = inverted;
    inverted = others.map((each) =>
      each.map((one, k) => one - each[0] * first[k] / first[0]).slice(1)
    );
  }
  return left;
}

/** A layer's plain objective on the engine. */
async function placed(
  objective: PlainObjective,
  run: (matrices: Matrices, task: MaskTask) => Promise<void>,
) {
  await using programs = new ProgramCache(engine);
  const { c, p, delta } = objective;
  const width = c.length;
  const ofC = await engine.place(flat(c));
  using ofP = await inSlabs(engine, p);
  using aim = await inSlabs(engine, delta);
  await run(new Matrices(programs), {
    c: borrowed(ofC, width, width),
    p: ofP,
    squares: Float32Array.from(c, (row, at) => row[at]),
    aim,
    delta: null,
    fallback: 1,
  });
  ofC.release();
}

Deno.test("each sign is that of the plain version, over several blocks and scales of either sign", async () => {
  const objective = plainObjective(randomLayer([6, 150], 300), { sequential: false, ridge: 0 });
  const row = Float32Array.from({ length: 6 }, (_, i) => i === 2 ? -0.05 : 0.06 + 0.01 * i);
  const column = Float32Array.from({ length: 150 }, (_, j) => j % 7 ? 0.5 + j / 150 : -1);
  await placed(objective, async (matrices, task) => {
    using factor = await inverseFactor(matrices, task);
    using signs = await signsAlong(matrices, task.aim, factor, { row, column });
    assert.deepEqual(await readSlabs(engine, signs), plainSigns(objective, { row, column }));
  });
});

Deno.test("more rounds never end with a greater J, and the first is far below the delta's own signs", async () => {
  // Inputs that lie near twenty directions, so that an error may be made good.
  const [of, noise] = [normalMatrix(400, 20, 1), normalMatrix(400, 140, 2)];
  const x = product(of, normalMatrix(20, 140, 3))
    .map((each, t) => each.map((one, i) => one + 0.3 * noise[t][i]));
  const numbers = { ...randomLayer([20, 140], 400, 3), fineInputs: flat(x) };
  const objective = plainObjective(numbers, { sequential: false, ridge: 0 });
  const least = plainJ(objective, objective.delta);
  await placed(objective, async (matrices, task) => {
    using factor = await inverseFactor(matrices, task);
    const reached: number[] = [];
    for (const rounds of [0, 1, 2, 3, 8]) {
      const start = await startingSigns(matrices, task, "row and column");
      using found = await gptqSigns(matrices, task, factor, start, rounds);
      const { row, column } = found.scales;
      const made = (await readSlabs(engine, found.signs))
        .map((each, i) => each.map((sign, j) => row[i] * sign * column[j]));
      const after = plainJ(objective, made);
      assert.ok(Math.abs(after - found.objective) < 1e-4 * Math.abs(after), "J is told as it is");
      reached.push(after - least);
    }
    for (const [at, each] of reached.entries()) {
      if (at > 0) assert.ok(each <= reached[at - 1] + 1e-6 * Math.abs(least), `${reached}`);
    }
    assert.ok(reached[1] < 0.7 * reached[0], `${reached}`);
  });
});
