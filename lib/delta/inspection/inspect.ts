/** What lies at a path: a delta, a checkpoint, or a plain file of tensors. */

import {
  type CheckpointInspection,
  inspectCheckpoint,
  type NamedTensor,
} from "../../checkpoint/inspection/inspect_checkpoint.ts";
import { countTensors, type TensorCount } from "../../checkpoint/inspection/tensor_counts.ts";
import { openTensorFile } from "../../checkpoint/open_tensor_file.ts";
import { elementCount } from "../../checkpoint/tensor.ts";
import { isHubName, openRevision, parseHubName } from "../../checkpoint/hub/mod.ts";
import type { Watch } from "../../util/progress.ts";
import { fetchDelta } from "../fetch_delta.ts";
import { isFileAt } from "../../util/file_or_folder.ts";
import { CheckpointError, DeltaError } from "../../util/errors.ts";
import { FORMAT } from "../delta_header.ts";
import { type DeltaInspection, inspectDelta, type InspectionOptions } from "./inspect_delta.ts";

/** What a file of tensors is that is no delta. */
export interface TensorFileInspection {
  /** Which of the forms of an inspection this is. */
  readonly kind: "tensors";
  /** The file. */
  readonly path: string;
  /** Of the whole file. */
  readonly bytes: number;
  /** Of what is no tensor's: the header. */
  readonly headerBytes: number;
  /** Texts that the header carries along. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Numbers of all tensors. */
  readonly parameters: number;
  /** Tensors by projection or kind. */
  readonly tensors: readonly TensorCount[];
  /** Every tensor, in the order of the file. */
  readonly list: readonly NamedTensor[];
}

/** What is at a path. */
export type Inspection = DeltaInspection | CheckpointInspection | TensorFileInspection;

const EXPECTED = "a delta's file, the folder of a checkpoint, or a file of tensors";

/** What tells a delta of the study's own code: it has no metadata. */
const MASK = ".mask";

/**
 * Looks at what lies at a path: reads headers and scales, and every byte where `verify` asks for it.
 *
 * @param source a path, or `hf:owner/name[@revision][/path]` on the Hugging Face Hub.
 * @throws {InputError} if it is nothing of these, or is malformed.
 *
 * @example
 * ```ts
 * import { inspect, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const found = await inspect(projectPath("data/checkpoints/llama-base/model.safetensors"));
 * assert.equal(found.kind, "tensors");
 * ```
 */
export async function inspect(
  source: string,
  options: InspectionOptions = {},
): Promise<Inspection> {
  const isModel = isHubName(source) && await isCheckpoint(source, options);
  const path = isHubName(source) && !isModel ? await fetchDelta(source, options) : source;
  const isFile = !isModel && await isFileAt(path, CheckpointError, EXPECTED);
  if (isFile && await isDelta(path)) return await inspectDelta(path, options);
  if (options.layer !== undefined) {
    const expected = "a delta's file, whose layers can be looked at one by one";
    throw new DeltaError({ problem: "is no delta", file: path, expected });
  }
  return isFile ? await inspectTensors(path) : await inspectCheckpoint(path, options);
}

/** Whether what a name on the Hub says is a model, and not one file. */
async function isCheckpoint(source: string, watch: Watch): Promise<boolean> {
  const name = parseHubName(source, "model");
  const { files } = await openRevision(name, watch);
  const config = [...name.path === "" ? [] : [name.path], "config.json"].join("/");
  return files.some(({ path }) => path === config);
}

async function isDelta(path: string): Promise<boolean> {
  using file = await openTensorFile(path);
  const { metadata, tensors } = file;
  if (Object.keys(metadata).length > 0) return metadata.format === FORMAT;
  return [...tensors.keys()].some((name) => name.endsWith(MASK));
}

async function inspectTensors(path: string): Promise<TensorFileInspection> {
  using file = await openTensorFile(path);
  const { size: bytes } = await Deno.stat(path);
  const listed = file.listed();
  const list = listed.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  return {
    kind: "tensors",
    path,
    bytes,
    headerBytes: bytes - listed.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    metadata: file.metadata,
    parameters: list.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    tensors: countTensors(listed.map((each) => [each.name, each])),
    list,
  };
}
