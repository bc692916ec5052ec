/** `cachedAttention` on the thread team. */

import type { Value } from "../../../../graph/graph.ts";
import { GraphError } from "../../../../util/errors.ts";
import { HostReserved } from "../../reserved.ts";
import { wholesOf } from "../indices.ts";
import type { TeamOp } from "../kernel.ts";
import { requirePlaces } from "./check.ts";
import type { AttentionForm } from "./form.ts";
import { attentionText, ownBytes } from "./text.ts";

/** The largest window there is. */
const ALL = 2 ** 31 - 1;

function sizes({ inputs, attributes }: Value) {
  const [queries, keys, , keyCache, , , , pages] = inputs.map(({ shape }) => shape);
  const { headSize, pageSize, slidingWindow } = attributes as Record<string, number | null>;
  return {
    ...{ headSize: headSize!, pageSize: pageSize!, window: slidingWindow ?? ALL },
    ...{ rows: queries[0], keyHeads: keys[1] / headSize!, group: queries[1] / keys[1] },
    ...{ cells: keyCache[0], count: pages[0], pageCount: pages[1] },
  };
}

/** Writes before it reads. */
export const cachedAttentionOp: TeamOp = {
  tables: [3, 4],
  kernel(value, storages) {
    const { headSize, pageSize, window, rows, keyHeads, group, pageCount } = sizes(value);
    const form: AttentionForm = { keys: storages[3], values: storages[4], headSize, group };
    // Whole vectors, and one that is written beyond them.
    const stride = 16 * (Math.ceil(Math.min(pageCount * pageSize, window) / 4) + 1);
    return {
      text: attentionText(form),
      steps: [
        { run: "write", items: rows, grain: Math.ceil(20000 / (keyHeads * headSize)) },
        { run: "attend", items: rows * keyHeads, grain: 1 },
      ],
      ownBytes: ownBytes(form, stride),
      sharedBytes: 0,
      parameters: [keyHeads, pageSize, pageCount, window, stride],
    };
  },
  check(value, given) {
    const { operation, inputs } = value;
    const [keyCache, valueCache] = [given[3], given[4]];
    if (!(keyCache instanceof HostReserved) || !(valueCache instanceof HostReserved)) {
      throw misfed(operation, "is fed with numbers that cannot be changed", inputs[3].name!);
    }
    if (keyCache === valueCache) {
      throw misfed(operation, "is fed with the same memory twice", inputs[4].name!);
    }
    const [sequences, positions, pages] = [given[5], given[6], given[7]].map(wholesOf);
    requirePlaces(operation, { sequences, positions, pages }, sizes(value));
  },
};

function misfed(operation: string, problem: string, value: string): GraphError {
  return new GraphError({ operation, problem, value, expected: "two pieces of reserved memory" });
}
