/** All ops that the thread team runs, by the op's name. */

import { cachedAttentionOp } from "./attention/op.ts";
import { groupedMatmulOp } from "./grouped_matmul.ts";
import { groupedRowsOp } from "./grouped_rows.ts";
import { groupedSignMatmulOp } from "./grouped_sign_matmul.ts";
import type { TeamOp } from "./kernel.ts";

/** How each runs. */
export const teamOps: Readonly<Record<string, TeamOp>> = {
  cachedAttention: cachedAttentionOp,
  groupedMatmul: groupedMatmulOp,
  groupedRows: groupedRowsOp,
  groupedSignMatmul: groupedSignMatmulOp,
};
