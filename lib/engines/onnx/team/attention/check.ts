/** Whether the rows of a step fit the caches that they are written to. */

import { GraphError } from "../../../../util/errors.ts";
import { requireIndices } from "../indices.ts";

/** Which row is where. */
export interface Places {
  readonly sequences: Int32Array;
  readonly positions: Int32Array;
  readonly pages: Int32Array;
}

/** What caches have room for. */
export interface CacheSizes {
  /** Sequences that `pages` names. */
  readonly count: number;
  /** Pages of a sequence, and cells of a page. */
  readonly pageCount: number;
  readonly pageSize: number;
  /** Cells in all. */
  readonly cells: number;
  /** Positions that a row sees. */
  readonly window: number;
}

/** Positions of a sequence that are written, and the first that is read. */
interface Reach {
  readonly written: Set<number>;
  first: number;
  last: number;
}

/**
 * Checks that each row is of a sequence that there is, and that the cells of all positions that it sees are there.
 *
 * @throws {GraphError} that names what does not fit.
 */
export function requirePlaces(
  operation: string,
  { sequences, positions, pages }: Places,
  { count, pageCount, pageSize, cells, window }: CacheSizes,
): void {
  requireIndices(operation, "sequence", sequences, -1, count);
  const ring = pageCount * pageSize;
  for (const [sequence, reach] of reaches(operation, sequences, positions, window)) {
    if (reach.last - reach.first >= ring) {
      throw new GraphError({
        operation,
        problem: `the pages of sequence ${sequence} have no room for what its rows see`,
        value: `positions ${reach.first} to ${reach.last}`,
        expected: `${ring} at most`,
      });
    }
    const used = Array.from(
      { length: Math.floor(reach.last / pageSize) - Math.floor(reach.first / pageSize) + 1 },
      (_, index) =>
        pages[sequence * pageCount + (Math.floor(reach.first / pageSize) + index) % pageCount],
    );
    requireIndices(operation, "page", used, 0, Math.floor(cells / pageSize));
  }
}

function reaches(
  operation: string,
  sequences: Int32Array,
  positions: Int32Array,
  window: number,
): Map<number, Reach> {
  const all = new Map<number, Reach>();
  for (const [row, sequence] of sequences.entries()) {
    if (sequence < 0) continue;
    const position = positions[row];
    const reach = all.get(sequence) ?? { written: new Set(), first: position, last: position };
    all.set(sequence, reach);
    if (position < 0 || reach.written.has(position)) {
      throw new GraphError({
        operation,
        problem: `a row of sequence ${sequence} has no position of its own`,
        value: position,
        expected: "0 or above, and no other row's",
      });
    }
    reach.written.add(position);
    reach.first = Math.min(reach.first, Math.max(0, position - window + 1));
    reach.last = Math.max(reach.last, position);
  }
  return all;
}
