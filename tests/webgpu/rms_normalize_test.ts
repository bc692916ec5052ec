import { assertRmsNormalize, rmsShapes } from "../graph/rms_normalize_case.ts";
import { gpuTest } from "./gpu.ts";

for (const [rows, columns] of rmsShapes) {
  gpuTest(`rmsNormalize of [${rows}, ${columns}] on a GPU is its formula`, async (engine) => {
    await assertRmsNormalize(engine, rows, columns);
  });
}
