/** How many tenants share the tables of a linear layer: as many as an engine has at once. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import type { Engine, ReservedInfo } from "../../../lib/graph/engine.ts";
import { MemoryBudget } from "../../../lib/graph/memory.ts";
import { SlotTables } from "../../../lib/model/serving/slot_tables.ts";

const cpu = onnxEngine({ threads: 1 });

/** Slots that tables of 16 MB each have on an engine whose largest value has so many bytes. */
async function slots(atOnce: number): Promise<number> {
  const taken: ReservedInfo[] = [];
  const engine: Engine = {
    ...cpu,
    memory: new MemoryBudget(2 ** 40, { atOnce }),
    async reserve(info) {
      taken.push(info);
      return await cpu.reserve({ ...info, shape: [1] });
    },
  };
  const info = { dtype: "I32", shape: [2 ** 22] } as const;
  const tables = new SlotTables(engine, [{ name: "masks", info }]);
  while (tables.hasRoom) await tables.take({});
  const { capacity } = tables;
  assert.equal(taken.at(-1)!.shape[0], capacity);
  tables.release();
  return capacity;
}

Deno.test("tables hold what every device binds, and more where an engine has it at once", async () => {
  assert.equal(await slots(2 ** 20), 8);
  assert.equal(await slots(2 ** 30), 64);
});
