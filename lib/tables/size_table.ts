/** What deltas take in a file, by what they hold, beside their fine-tunes; in MB of 10⁶ bytes. */

import type { DeltaFileSize } from "../delta/delta_file_size.ts";
import type { Table } from "./table.ts";

/** A delta's size, and that of the weights it stands for. */
export interface SizeRow {
  /** Of its shapes, or of the file. */
  readonly name: string;
  /** Of the delta's file. */
  readonly size: DeltaFileSize;
  /** Bytes of the fine-tune's weights. */
  readonly fineBytes: number;
}

const COLUMNS = ["Masks", "Scales", "Embeddings, head", "Norms", "Others", "Header", "Delta"];

/**
 * One row a delta. Bytes are MB of 10⁶; no unit is mixed with another.
 *
 * @example
 * ```ts
 * import { deltaFileSize, type LayerForm, sizeTable } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const terms = [{ codec: "signs", form: { scale: "scalar" } }];
 * const layers = new Map([["a", { shape: [4096, 4096], role: "delta", terms } satisfies LayerForm]]);
 * const metadata = { method: "mine", settings: {}, baseHash: null, fineHash: null, version: 4 };
 * const size = deltaFileSize({ layers, whole: new Map(), metadata });
 * const { rows } = sizeTable("One layer", [{ name: "a", size, fineBytes: 2 * size.weights }]);
 * assert.deepEqual(rows[0].slice(0, 2), ["a", 2.097152]);
 * ```
 */
export function sizeTable(title: string, rows: readonly SizeRow[], note?: string): Table {
  return {
    title,
    columns: [
      { name: "Shapes" },
      ...COLUMNS.map((name) => ({ name: `${name} (MB)`, digits: 3 })),
      { name: "Fine-tune (MB)", digits: 1 },
      { name: "Fine-tune ÷ delta", digits: 2 },
      { name: "Bits a linear weight", digits: 7 },
      { name: "Bits a parameter, whole file", digits: 3 },
    ],
    rows: rows.map(({ name, size: { bytes, linearBits, fileBits }, fineBytes }) => {
      const { masks, scales, embeddings, head, norms, biases, other, header, total } = bytes;
      const counts = [masks, scales, embeddings + head, norms, biases + other, header, total];
      const sizes = [...counts, fineBytes].map((count) => count / 1e6);
      return [name, ...sizes, fineBytes / total, linearBits, fileBits];
    }),
    ...(note === undefined ? {} : { note }),
  };
}
