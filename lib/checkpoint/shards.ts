/**
 * Finds the weights of a checkpoint folder: `model.safetensors`, or the shards that
 * `model.safetensors.index.json` names, each tensor in the one that the index gives it to. Where there is
 * neither, PyTorch's own files: `pytorch_model.bin`, or the shards of `pytorch_model.bin.index.json`.
 *
 * An index's `total_size` is not looked at, as nowhere else: real ones count tensors that are not there,
 * or bytes of another type.
 */

import { basename, join } from "node:path";
import { CheckpointError } from "../util/errors.ts";
import { fileFault } from "../util/file_fault.ts";
import { readJsonFile } from "../util/json_file.ts";
import { isTaken } from "../util/regular_file.ts";
import { repeatedName } from "./repeated_name.ts";
import { isTextRecord, LONGEST_HEADER } from "./safetensors_header.ts";
import type { TensorFile } from "./tensor_file.ts";
import { WEIGHT_FORMATS, type WeightFormat } from "./weight_format.ts";

/** The open weight files of a folder. */
export interface OpenWeights {
  readonly files: readonly TensorFile[];
  /** The file of each tensor, those of types that are not known here included. */
  readonly fileOf: ReadonlyMap<string, TensorFile>;
  /** The files of tensors that the index does not name: some readers take them. */
  readonly unnamed: ReadonlyMap<string, TensorFile>;
}

/**
 * Opens the weight files of a folder.
 *
 * Where one whole file stands beside an index with shards, Hugging Face's loader takes the file and
 * others the shards: it is taken if both hold the same tensors.
 *
 * @throws {CheckpointError} if there are no weights, the index is malformed, a shard lacks a tensor
 * that the index places there, or a whole file and shards differ.
 * @throws {TensorFileError} if a file is missing or malformed.
 */
export async function openShards(directory: string): Promise<OpenWeights> {
  for (const format of WEIGHT_FORMATS) {
    const weights = await openFormat(directory, format);
    if (weights) return weights;
  }
  throw new CheckpointError({
    problem: "holds no weights",
    file: directory,
    expected: WEIGHT_FORMATS.map(({ whole, index }) => `${whole} or ${index}`).join(", or "),
  });
}

/** The weights of a folder in one format; `null` where it has none. */
async function openFormat(directory: string, format: WeightFormat): Promise<OpenWeights | null> {
  const hasWhole = await isTaken(join(directory, format.whole));
  if (!await isTaken(join(directory, format.index))) {
    return hasWhole ? await openWhole(directory, format) : null;
  }
  const places = await readIndex(join(directory, format.index));
  if (!hasWhole) return await openIndexed(directory, places, format);
  const whole = await openWhole(directory, format);
  try {
    // An index of no other file that is there is left over from before they were made one.
    if (await someIsThere(directory, places, format)) {
      await checkSame(directory, whole, places, format);
    }
    return whole;
  } catch (error) {
    for (const file of whole.files) file.close();
    throw error;
  }
}

async function openWhole(directory: string, format: WeightFormat): Promise<OpenWeights> {
  const file = await format.open(join(directory, format.whole));
  const fileOf = new Map(namesIn(file).map((tensor) => [tensor, file]));
  return { files: [file], fileOf, unnamed: new Map() };
}

async function openIndexed(
  directory: string,
  places: Readonly<Record<string, string>>,
  format: WeightFormat,
): Promise<OpenWeights> {
  const files = new Map<string, TensorFile>();
  const fileOf = new Map<string, TensorFile>();
  try {
    for (const [tensor, shard] of Object.entries(places)) {
      if (!files.has(shard)) {
        files.set(shard, await format.open(join(directory, shard)));
      }
      const file = files.get(shard)!;
      if (!file.tensors.has(tensor) && !file.unreadable.has(tensor)) {
        throw new CheckpointError({
          problem: `is not in the shard that '${format.index}' names`,
          file: join(directory, shard),
          tensor,
          expected: "an index that matches its shards",
        });
      }
      fileOf.set(tensor, file);
    }
    const unnamed = new Map<string, TensorFile>();
    for (const file of files.values()) {
      for (const tensor of namesIn(file)) if (!fileOf.has(tensor)) unnamed.set(tensor, file);
    }
    return { files: [...files.values()], fileOf, unnamed };
  } catch (error) {
    for (const file of files.values()) file.close();
    throw error;
  }
}

/** Holds each tensor of a whole file against that of the shards; tensors that cannot be read are not. */
async function checkSame(
  directory: string,
  { files: [whole], fileOf }: OpenWeights,
  places: Readonly<Record<string, string>>,
  format: WeightFormat,
): Promise<void> {
  const shards = await openIndexed(directory, places, format);
  try {
    const names = new Set([...fileOf.keys(), ...shards.fileOf.keys()]);
    for (const tensor of names) {
      const shard = shards.fileOf.get(tensor);
      if (whole.unreadable.has(tensor) && shard?.unreadable.has(tensor)) continue;
      const isInBoth = whole.tensors.has(tensor) && shard?.tensors.has(tensor);
      if (isInBoth && await whole.isSame(tensor, shard!, tensor)) continue;
      throw new CheckpointError({
        problem:
          `differs from that of the shards in '${format.index}', and readers differ in which they take`,
        file: whole.path,
        tensor,
        expected:
          `either ${format.whole} or the index with its shards, or the same tensors in both`,
      });
    }
  } finally {
    for (const file of shards.files) file.close();
  }
}

async function readIndex(path: string): Promise<Record<string, string>> {
  const expected = '{"weight_map": {tensor: file in the same folder}}, each tensor once';
  const limits = { mostBytes: LONGEST_HEADER, expected };
  const { json, text } = await readJsonFile(path, CheckpointError, limits);
  const { weight_map: places } = (json ?? {}) as { weight_map?: unknown };
  const fault = indexFault(places) ?? repetition(text);
  if (fault === null) return places as Record<string, string>;
  throw new CheckpointError({
    problem: "index cannot be read",
    file: path,
    value: fault,
    expected,
  });
}

function indexFault(places: unknown): string | null {
  if (!isTextRecord(places)) return "weight_map is no object of texts";
  const stray = Object.values(places).find((shard) => shard !== basename(shard));
  return stray === undefined ? null : `shard '${stray}' lies in another folder`;
}

function repetition(json: string): string | null {
  const name = repeatedName(json);
  return name === null ? null : `'${name}' stands twice in an object`;
}

function namesIn(file: TensorFile): string[] {
  return [...file.tensors.keys(), ...file.unreadable.keys()];
}

async function someIsThere(
  directory: string,
  places: Readonly<Record<string, string>>,
  { whole }: WeightFormat,
): Promise<boolean> {
  const shards = new Set(Object.values(places));
  // Of the two lists the folder's is the one that somebody has room for.
  const inFolder = await Array.fromAsync(Deno.readDir(directory)).catch((error) => {
    const fault = fileFault(error, "a folder whose files can be listed");
    throw new CheckpointError({ problem: "cannot be read", file: directory, ...fault });
  });
  return inFolder.some(({ name }) => name !== whole && shards.has(name));
}
