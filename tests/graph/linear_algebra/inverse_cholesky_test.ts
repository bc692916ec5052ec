/** The factor of an inverse, against double precision. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { inverseCholesky } from "../../../lib/graph/linear_algebra/mod.ts";
import { ProgramCache } from "../../../lib/graph/program_cache.ts";
import { NotPositiveDefiniteError } from "../../../lib/util/errors.ts";
import { apart, flat, identity, matrixOf, product, secondMoments, transposed } from "./plain.ts";

const engine = onnxEngine({ threads: 1 });

for (const [n, ridge] of [[1, 0], [128, 0], [129, 0.1], [260, 0]]) {
  Deno.test(`the factor of the inverse of ${n} rows is upper, and its square the inverse`, async () => {
    await using programs = new ProgramCache(engine);
    const a = secondMoments(n, n);
    const placed = await inverseCholesky(programs, await engine.place(flat(a)), n, { ridge });
    const u = matrixOf((await engine.read([placed]))[0], n, n);
    assert.ok(
      u.every((row, i) => row.every((each, j) => j >= i ? i !== j || each > 0 : each === 0)),
    );
    const whole = a.map((row, i) => row.map((each, j) => each + (i === j ? ridge : 0)));
    const lost = apart(product(product(transposed(u), u), whole), identity(n));
    assert.ok(lost < 2e-5, `${lost}`);
  });
}

Deno.test("the last pivot that is not positive is named", async () => {
  await using programs = new ProgramCache(engine);
  const a = identity(260);
  for (const at of [3, 150, 250]) a[at][at] = -at;
  await assert.rejects(
    inverseCholesky(programs, await engine.place(flat(a)), 260),
    (error) =>
      error instanceof NotPositiveDefiniteError && /^pivot 250 .* got -250;/.test(error.message),
  );
});
