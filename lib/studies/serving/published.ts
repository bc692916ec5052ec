/** What was published of serving deltas: kept as data, marked wherever it is shown, measured nowhere here. */

import { readJsonFile } from "../../util/json_file.ts";
import { ReportError } from "../../figures/figure.ts";
import { projectPath } from "../../util/project.ts";

/** One number of models on a layer, as published. */
export interface PublishedLayer {
  /** Models served, one row each. */
  readonly models: number;
  /** Milliseconds of a dense product a model. */
  readonly naive: number;
  /** Milliseconds of one dense product and of signs for each model. */
  readonly delta: number;
}

/** Published numbers, and whose. */
export interface PublishedServing {
  /** Authors, title, section. */
  readonly source: string;
  /** Of the layer: its width. */
  readonly width: number;
  /** Times on that layer. */
  readonly layer: readonly PublishedLayer[];
  /** Models that were held in less memory than {@linkcode PublishedServing.gigabytes}. */
  readonly models: number;
  /** That memory. */
  readonly gigabytes: number;
}

interface PublishedFile {
  readonly source: string;
  readonly memory: { readonly models: number; readonly most_gigabytes: number };
  readonly layer: {
    readonly width: number;
    readonly rows: readonly {
      readonly models: number;
      readonly naive_milliseconds: number;
      readonly delta_milliseconds: number;
    }[];
  };
}

/**
 * Reads the published numbers.
 *
 * @throws {ReportError} if the file is damaged.
 *
 * @example
 * ```ts
 * import { publishedServing } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { layer, width } = await publishedServing();
 * assert.equal(width, 8192);
 * assert.ok(layer.every(({ naive, delta }) => delta < naive));
 * ```
 */
export async function publishedServing(): Promise<PublishedServing> {
  const path = projectPath("data/serving/published.json");
  const limits = { mostBytes: 2 ** 16, expected: "published numbers" };
  const { json } = await readJsonFile(path, ReportError, limits);
  const { source, memory, layer } = json as PublishedFile;
  return {
    source,
    width: layer.width,
    layer: layer.rows.map((row) => ({
      models: row.models,
      naive: row.naive_milliseconds,
      delta: row.delta_milliseconds,
    })),
    models: memory.models,
    gigabytes: memory.most_gigabytes,
  };
}
