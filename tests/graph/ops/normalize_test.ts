import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { assertRmsNormalize, rmsShapes } from "../rms_normalize_case.ts";

const engine = onnxEngine({ threads: 1 });

for (const [rows, columns] of rmsShapes) {
  Deno.test(`rmsNormalize of [${rows}, ${columns}] is its formula, forward and backward`, async () => {
    await assertRmsNormalize(engine, rows, columns);
  });
}
