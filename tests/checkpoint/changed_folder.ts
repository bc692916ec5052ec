/**
 * Changes to the files of a checkpoint folder, and how opening it is refused.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { SafetensorsFile, writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import type { RawTensor } from "../../lib/checkpoint/tensor.ts";

/** A tensor with its name. */
export type Named = { name: string } & RawTensor;

/** All tensors of a file. */
export async function tensorsOf(path: string): Promise<Named[]> {
  using file = await SafetensorsFile.open(path);
  return await Promise.all(
    [...file.tensors.keys()].map(async (name) => ({ name, ...await file.read(name) })),
  );
}

/** Replaces the one file of a folder by two shards and their index. */
export async function splitIntoShards(directory: string): Promise<void> {
  const whole = join(directory, "model.safetensors");
  const tensors = await tensorsOf(whole);
  const weightMap: Record<string, string> = {};
  for (const shard of [1, 2]) {
    const file = `model-0000${shard}-of-00002.safetensors`;
    const part = tensors.filter((_, i) => i % 2 === shard - 1);
    await writeSafetensors(join(directory, file), part);
    for (const { name } of part) weightMap[name] = file;
  }
  const index = JSON.stringify({ metadata: {}, weight_map: weightMap });
  await Deno.writeTextFile(join(directory, "model.safetensors.index.json"), index);
  await Deno.remove(whole);
}

/** Changes the tensors of a folder's one file. */
export async function rewrite(
  directory: string,
  change: (tensors: Named[]) => Named[],
): Promise<void> {
  const path = join(directory, "model.safetensors");
  await writeSafetensors(path, change(await tensorsOf(path)));
}

/** Gives the tensors of one type another, of any name, in place. */
export async function renameType(path: string, from: string, to: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const json = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  const changed = json.replaceAll(`"${from}"`, `"${to}"`).padEnd(length);
  bytes.set(new TextEncoder().encode(changed), 8);
  await Deno.writeFile(path, bytes);
}

/** Checks that opening a folder fails, in one line. */
export async function assertRefused(
  opening: Promise<Checkpoint>,
  kind: new (...parts: never[]) => Error,
  message: RegExp,
): Promise<void> {
  await assert.rejects(async () => (await opening).close(), (error) => {
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"), error.message);
    return true;
  });
}
