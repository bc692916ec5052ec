/** How fast threads read memory that they share, doing nothing with it: what no kernel can be faster than. */

import { HostReserved } from "../../lib/engines/onnx/reserved.ts";
import { MEMORIES } from "../../lib/engines/onnx/team/kernel.ts";
import { get, set, stepFunction, sum, times, whole } from "../../lib/engines/onnx/team/text.ts";
import { Team, type TeamModule } from "../../lib/engines/onnx/team/team.ts";
import type { Reserved } from "../../lib/graph/engine.ts";
import { assembleModule } from "../../lib/util/wasm.ts";

/** Bytes that a thread reads at a time. */
const PIECE = 2 ** 18;

const NAMES = ["table"];
const LINE = [0, 16, 32, 48]
  .map((offset) =>
    set("seen", `(v128.xor ${get("seen")} (v128.load offset=${offset} ${get("at")}))`)
  )
  .join(" ");
const READ = stepFunction(
  "read",
  NAMES,
  "(local $at i32) (local $last i32) (local $seen v128)",
  `${set("at", sum(get("table"), times(get("first"), whole(PIECE))))}
  ${set("last", sum(get("table"), times(get("end"), whole(PIECE))))}
  (block (loop
    (br_if 1 (i32.ge_u ${get("at")} ${get("last")}))
    ${LINE}
    ${set("at", sum(get("at"), whole(64)))}
    (br 0)))
  (v128.store ${get("own")} ${get("seen")})`,
);

/** Reads them all once; tables of less than a piece are left out. */
export async function plainReader(threads: number): Promise<(tables: Reserved[]) => Promise<void>> {
  const team = new Team(threads);
  const code = await assembleModule("read.wat", `(module ${MEMORIES} ${READ})`);
  const module: TeamModule = { name: "plain reading", id: 0, code };
  return async (tables) => {
    for (const table of tables) {
      if (!(table instanceof HostReserved)) {
        throw new TypeError("expected memory of the CPU engine");
      }
      const { memory, address, bytes } = table.block;
      await team.do({
        module,
        run: "read",
        first: memory,
        second: memory,
        items: Math.floor(bytes.byteLength / PIECE),
        grain: 1,
        own: memory.work(64 * threads),
        ownBytes: 64,
        parameters: [memory.work(64 * threads), address],
      });
    }
  };
}
