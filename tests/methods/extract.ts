/** The delta that methods start from, for tests of what comes after it. */

import type { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { loadDelta, type MemoryDelta } from "../../lib/delta/delta.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { compress } from "../../lib/methods/compress.ts";
import { initial } from "../../lib/methods/initial.ts";
import type { Watch } from "../../lib/util/progress.ts";

/** Method `initial`, all of its delta in memory. */
export async function extractDelta(
  base: Checkpoint,
  fine: Checkpoint,
  watch?: Watch,
): Promise<MemoryDelta> {
  const engine = onnxEngine({ threads: 1 });
  const { delta } = await compress(engine, base, fine, { method: initial.name }, null, watch);
  return await loadDelta(delta);
}
