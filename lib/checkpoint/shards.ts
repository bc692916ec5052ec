/**
 * Finds the safetensors files of a checkpoint folder: `model.safetensors`, or the shards that
 * `model.safetensors.index.json` names.
 */

import { basename, join } from "node:path";
import * as v from "valibot";
import { CheckpointError } from "../errors.ts";
import { SafetensorsFile } from "./safetensors.ts";

const indexSchema = v.looseObject({ weight_map: v.record(v.string(), v.string()) });

/**
 * Opens every weight file of a folder. As in Hugging Face's loader, one whole file goes before an index.
 *
 * @throws {CheckpointError} if there are no weights, the index is malformed, or a shard lacks a tensor
 * that the index places there.
 * @throws {SafetensorsError} if a shard is missing or malformed.
 */
export async function openShards(directory: string): Promise<SafetensorsFile[]> {
  const whole = join(directory, "model.safetensors");
  if (await exists(whole)) return [await SafetensorsFile.open(whole)];
  const indexPath = join(directory, "model.safetensors.index.json");
  const places = Object.entries(await readIndex(directory, indexPath));
  const files = new Map<string, SafetensorsFile>();
  try {
    for (const [tensor, shard] of places) {
      if (!files.has(shard)) {
        files.set(shard, await SafetensorsFile.open(join(directory, shard)));
      }
      if (!files.get(shard)!.tensors.has(tensor)) {
        throw new CheckpointError({
          problem: `is not in the shard that '${basename(indexPath)}' names`,
          file: join(directory, shard),
          tensor,
          expected: "an index that matches its shards",
        });
      }
    }
    return [...files.values()];
  } catch (error) {
    for (const file of files.values()) file.close();
    throw error;
  }
}

async function readIndex(directory: string, path: string): Promise<Record<string, string>> {
  if (!await exists(path)) {
    throw new CheckpointError({
      problem: "holds no weights",
      file: directory,
      expected: "model.safetensors or model.safetensors.index.json",
    });
  }
  try {
    const { weight_map: weightMap } = v.parse(
      indexSchema,
      JSON.parse(await Deno.readTextFile(path)),
    );
    const stray = Object.values(weightMap).find((shard) => shard !== basename(shard));
    if (stray !== undefined) throw new Error(`shard '${stray}' lies in another folder`);
    return weightMap;
  } catch (cause) {
    throw new CheckpointError({
      problem: "index cannot be read",
      file: path,
      value: (cause as Error).message,
      expected: '{"weight_map": {tensor: file in the same folder}}',
      cause,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
