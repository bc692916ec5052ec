/** How a matrix is halved until its diagonal blocks are small enough for a block op. */

import { BLOCK_WIDTH } from "../ops/cholesky_block.ts";

/** Where a matrix of so many rows is cut, after whole blocks; `null` where it is a block itself. */
export function middle(size: number): number | null {
  const blocks = Math.ceil(size / BLOCK_WIDTH);
  return blocks === 1 ? null : Math.ceil(blocks / 2) * BLOCK_WIDTH;
}

/** The parts of a square matrix that is cut there. */
export function quarters(at: number, size: number) {
  const [first, second] = [[0, at], [at, size]] as const;
  return {
    first: { rows: first, columns: first },
    above: { rows: first, columns: second },
    below: { rows: second, columns: first },
    second: { rows: second, columns: second },
  };
}
