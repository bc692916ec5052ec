/**
 * The weight files of a checkpoint, written so that they are all there or none is: each beside its place,
 * tensor after tensor as they are formed, and moved when the last one is whole. Not here: which tensor goes
 * where (`shard_plan.ts`), and the rest of the folder (`save.ts`).
 */

import { join } from "node:path";
import { OutputError } from "../util/errors.ts";
import { FileBeside, removeIfThere, writeAll } from "../util/files.ts";
import { inOrder } from "../util/in_order.ts";
import { POOL_SIZE } from "../util/worker_pool.ts";
import type { RoundedTensor } from "./rounded_tensor.ts";
import { type NamedTensorInfo, SafetensorsFile } from "./safetensors.ts";
import { formatHeader } from "./safetensors_header.ts";
import { isWeightFile, type Shard } from "./shard_plan.ts";
import { INDEX, WHOLE } from "./weight_format.ts";
import { byteCount, elementCount } from "./tensor.ts";

/** Bytes of the tensors that are formed at once, at most. */
const MOST_BYTES = 1e9;

/** Text of a weight file's header. */
export type Metadata = Readonly<Record<string, string>>;

/** What is done for each tensor, and before the first file is moved. */
export interface WeightWork {
  /** Gives a tensor's bytes; called for several at once. */
  readonly form: (tensor: NamedTensorInfo) => Promise<RoundedTensor>;
  /** Told of each tensor once it is in its file, in their order. */
  readonly written: (tensor: NamedTensorInfo, found: RoundedTensor) => void;
  /** When all files are written and on the disk, and none is in its place. */
  readonly beforeMove: () => Promise<void>;
  readonly signal?: AbortSignal;
}

/**
 * Writes the files, each with its tensors sorted by name.
 *
 * @throws {OutputError} if the folder cannot be written; nothing is left behind.
 * @throws what `form` throws, and the signal's reason; nothing is left behind.
 */
export async function writeWeightFiles(
  directory: string,
  shards: readonly Shard[],
  metadata: Metadata,
  { form, written, beforeMove, signal }: WeightWork,
): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const files: FileBeside[] = [];
  const places = shards.flatMap(({ name, tensors }) => {
    const sorted = tensors.toSorted((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
    return sorted.map((tensor) => ({ name, tensor, all: sorted }));
  });
  const overlap = {
    most: POOL_SIZE + 1,
    mostBytes: MOST_BYTES,
    // What it is formed of, in 32-bit floats, and what is written.
    bytesOf: ({ tensor }: typeof places[number]) =>
      2 * byteCount(tensor) + 4 * elementCount(tensor.shape),
  };
  await inOrder(places, overlap, ({ tensor }) => form(tensor), async (place, found) => {
    signal?.throwIfAborted();
    const { name, tensor, all } = place;
    if (tensor === all[0]) {
      files.push(opened.use(await FileBeside.open(join(directory, name))));
      await files.at(-1)!.write((part) => writeAll(part, formatHeader(all, metadata)));
    }
    if (found.bytes.length !== byteCount(tensor)) {
      throw new RangeError(
        `tensor '${tensor.name}' has ${found.bytes.length} bytes; expected ${byteCount(tensor)}`,
      );
    }
    await files.at(-1)!.write((part) => writeAll(part, found.bytes));
    found.giveBack();
    written(tensor, found);
  }, signal);
  for (const file of files) await file.write((part) => part.sync());
  for (const [index, file] of files.entries()) {
    await file.move(index === 0 ? beforeMove : undefined);
  }
}

/**
 * Weight files that an earlier save left in a folder, to be removed before others of other names come there: those
 * whose headers have every entry that the new ones' have.
 *
 * @param names files that will be written or replaced.
 * @throws {OutputError} if one that is none of these would be read in place of what is written.
 */
export async function staleWeights(
  directory: string,
  names: readonly string[],
  metadata: Metadata,
): Promise<string[]> {
  const there = await weightFilesIn(directory);
  const own = new Set<string>();
  for (const name of there) {
    if (name !== INDEX && await isOwn(join(directory, name), metadata)) own.add(name);
  }
  const weights = there.filter((name) => name !== INDEX);
  if (weights.length > 0 && own.size === weights.length) own.add(INDEX);
  const others = there.filter((name) => !names.includes(name));
  // Shards that no index names are read by nobody.
  const disturbing = others.find((name) => !own.has(name) && (name === INDEX || name === WHOLE));
  if (disturbing === undefined) return others.filter((name) => own.has(name));
  throw new OutputError({
    problem: "would go with the weights that are saved beside it and is not theirs",
    file: join(directory, disturbing),
    expected: "a new folder, or one without this file",
  });
}

/** Removes files of a folder. */
export async function removeFiles(directory: string, names: readonly string[]): Promise<void> {
  for (const name of names) await removeIfThere(join(directory, name));
}

/** A header without entries of one's own is anybody's. */
async function isOwn(path: string, metadata: Metadata): Promise<boolean> {
  const marks = Object.keys(metadata).filter((name) => name !== "format");
  if (marks.length === 0) return false;
  try {
    using file = await SafetensorsFile.open(path);
    return marks.every((name) => Object.hasOwn(file.metadata, name));
  } catch {
    return false;
  }
}

async function weightFilesIn(directory: string): Promise<string[]> {
  const all = await Array.fromAsync(Deno.readDir(directory)).catch((error) => {
    // What is no folder is for the writing to refuse.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return [];
    }
    throw error;
  });
  return all.map(({ name }) => name).filter(isWeightFile).sort();
}
