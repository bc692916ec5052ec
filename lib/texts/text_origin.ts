/** Where a text came from, for results, captions and the metadata of deltas. */

import { basename } from "node:path";
import { isHubName } from "../checkpoint/hub/mod.ts";

/** What was read of a source. */
export interface TextOrigin {
  /** A domain, a path, or `hf:owner/name@commit`. */
  readonly source: string;
  /** A data set's configuration. */
  readonly configuration?: string;
  /** A data set's split. */
  readonly split?: string;
  /** Files that were read, as the data set names them. */
  readonly files?: readonly string[];
  /** Column or field of the text; of rows with several, all of them. */
  readonly column?: string;
  /** Rows of it; of prose there are none. */
  readonly rows?: RowCounts;
}

/** What became of the rows that were read. */
export interface RowCounts {
  /** The first one, counted from 0. */
  readonly first: number;
  /** How many were read. */
  readonly read: number;
  /** Of these, without a text, and left out. */
  readonly null: number;
  /** Of these, with a blank text, and left out. */
  readonly blank: number;
}

/**
 * An origin in a few words: the source, and what was chosen of it.
 *
 * @example
 * ```ts
 * import { describeOrigin } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const rows = { first: 0, read: 100, null: 0, blank: 36 };
 * const origin = { source: "hf:Salesforce/wikitext@b08601e", split: "train", column: "text", rows };
 * assert.equal(
 *   describeOrigin(origin),
 *   "hf:Salesforce/wikitext@b08601e, train, column text, 100 rows from 0 on, 36 blank ones left out",
 * );
 * ```
 */
export function describeOrigin(origin: TextOrigin): string {
  const { source, configuration, split, column, rows } = origin;
  return [
    source,
    configuration,
    split,
    column && `column ${column}`,
    rows && `${rows.read} rows from ${rows.first} on`,
    rows && rows.blank > 0 && `${rows.blank} blank ones left out`,
    rows && rows.null > 0 && `${rows.null} without a text left out`,
  ].filter(Boolean).join(", ");
}

/**
 * As {@linkcode describeOrigin}, short enough for a caption: without places, commits and what was left out.
 *
 * @example
 * ```ts
 * import { shortOrigin } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const rows = { first: 0, read: 100, null: 0, blank: 36 };
 * const origin = { source: "hf:Salesforce/wikitext@b08601e", split: "train", column: "text", rows };
 * assert.equal(shortOrigin(origin), "Salesforce/wikitext, train, first 100 rows");
 * ```
 */
export function shortOrigin(origin: TextOrigin): string {
  const { configuration, split, rows, files } = origin;
  const source = portableOrigin(origin).source.replace(/^hf:/, "").replace(/@[^@]*$/, "");
  const [file] = split === undefined && files?.length === 1 ? files : [];
  const which = rows && split !== undefined &&
    (rows.first === 0 ? `first ${rows.read} rows` : `rows ${rows.first}–${rows.first + rows.read}`);
  return [source, configuration, split, file, which].filter(Boolean).join(", ");
}

/**
 * An origin without the folders of this machine, for what goes from one to another.
 *
 * @example
 * ```ts
 * import { portableOrigin } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(portableOrigin({ source: "my/texts/a.txt" }), { source: "a.txt" });
 * ```
 */
export function portableOrigin(origin: TextOrigin): TextOrigin {
  return isHubName(origin.source) ? origin : { ...origin, source: basename(origin.source) };
}
