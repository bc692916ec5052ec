/** Memory that the CPU engine reserves. */

import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { checkRefusals, checkWrites, checkZeros } from "../reserved_case.ts";

const engine = onnxEngine({ threads: 1 });

Deno.test("what is written into reserved memory is seen as it is stored", () =>
  checkWrites(engine));
Deno.test("reserved memory is zeros each time", () => checkZeros(engine));
Deno.test("what does not fit reserved memory is refused", () => checkRefusals(engine));
