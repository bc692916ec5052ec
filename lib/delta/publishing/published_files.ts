/**
 * Which files of a delta, a saved model or an adapter are published: those that belong to it, and no others that lie
 * beside them. What does not open is refused here, before anything is sent.
 */

import { basename, join, relative, sep } from "node:path";
import { carriedFiles } from "../../checkpoint/carried_files.ts";
import { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { LocalFile } from "../../checkpoint/hub/publish/publication.ts";
import { SafetensorsFile } from "../../checkpoint/safetensors.ts";
import { openShards } from "../../checkpoint/shards.ts";
import { WEIGHT_FORMATS } from "../../checkpoint/weight_format.ts";
import { CheckpointError, DeltaError } from "../../util/errors.ts";
import { isFileAt } from "../../util/file_or_folder.ts";
import { readJsonFile } from "../../util/json_file.ts";
import type { Watch } from "../../util/progress.ts";
import { checkRegularFile, isTaken } from "../../util/regular_file.ts";
import { cardOfDelta, markedCard, modelCard } from "../card/mod.ts";
import { openDelta } from "../delta_file.ts";
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS } from "../lora/adapter_folder.ts";
import { verifyDelta } from "../inspection/verify.ts";

/** What is to be published. */
export interface PublishedFiles {
  /** What it is. */
  readonly kind: "delta" | "checkpoint" | "adapter";
  /** Files that belong to it. */
  readonly files: readonly LocalFile[];
  /** Names in its folder that do not, and stay where they are. */
  readonly left: readonly string[];
}

/** What people say of a model, beside it. */
const SAID = /^(README\.md|(LICEN[CS]E|NOTICE|USE_POLICY)(\.(md|txt))?)$/i;

const CARD = "README.md";
const CONFIG = "config.json";

/**
 * The files of a delta (a file, every byte of which is checked), or of a saved model or a LoRA adapter (a folder).
 *
 * @param card a model card to publish as `README.md`; without one, a folder's own, and of a delta what its file
 * says of it.
 * @throws {DeltaError} {CheckpointError} and as {@linkcode openDelta} and {@linkcode Checkpoint.open}, if it cannot
 * be used, or one of its files is a link that leaves its folder.
 *
 * @example
 * ```ts
 * import { projectPath, publishedFiles } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { files } = await publishedFiles(projectPath("data/checkpoints/llama-base"));
 * const names = files.map(({ path }) => path);
 * assert.ok(names.includes("config.json") && names.includes("model.safetensors"));
 * ```
 */
export async function publishedFiles(
  source: string,
  { card, ...watch }: Watch & { readonly card?: string } = {},
): Promise<PublishedFiles> {
  const expected = "a delta's file, or the folder of a saved model or an adapter";
  const isFile = await isFileAt(source, CheckpointError, expected);
  const found = isFile
    ? await filesOfDelta(source, watch)
    : await isAdapter(source)
    ? await filesOfAdapter(source)
    : await filesOfCheckpoint(source);
  if (card === undefined) return found;
  await checkRegularFile(card, DeltaError, "a model card in Markdown");
  const others = found.files.filter(({ path }) => path !== CARD);
  return { ...found, files: [...others, { path: CARD, content: { place: card } }] };
}

async function filesOfDelta(source: string, watch: Watch): Promise<PublishedFiles> {
  using file = await openDelta(source);
  await verifyDelta(file, watch);
  const text = markedCard(modelCard(await cardOfDelta(file, {})));
  const files = [
    { path: basename(source), content: { place: source } },
    { path: CARD, content: { text } },
  ];
  return { kind: "delta", files, left: [] };
}

async function filesOfCheckpoint(folder: string): Promise<PublishedFiles> {
  {
    using _ = await Checkpoint.open(folder);
  }
  const names = new Set([CONFIG, ...await weightNames(folder)]);
  for (const name of (await carriedFiles({ from: folder })).keys()) names.add(name);
  return { kind: "checkpoint", ...await filesNamed(folder, names) };
}

async function isAdapter(folder: string): Promise<boolean> {
  return await isTaken(join(folder, ADAPTER_CONFIG)) && !await isTaken(join(folder, CONFIG));
}

async function filesOfAdapter(folder: string): Promise<PublishedFiles> {
  const limits = { mostBytes: 1e6, expected: "the JSON settings of a LoRA adapter" };
  await readJsonFile(join(folder, ADAPTER_CONFIG), CheckpointError, limits);
  {
    using _ = await SafetensorsFile.open(join(folder, ADAPTER_WEIGHTS));
  }
  const names = new Set([ADAPTER_CONFIG, ADAPTER_WEIGHTS]);
  return { kind: "adapter", ...await filesNamed(folder, names) };
}

/** Files of a folder, with those that say what it is; and the names of the others. */
async function filesNamed(
  folder: string,
  names: Set<string>,
): Promise<Pick<PublishedFiles, "files" | "left">> {
  const all = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  for (const name of all) if (SAID.test(name)) names.add(name);
  const files = await Promise.all(
    [...names].sort().map(async (name) => {
      const place = join(folder, name);
      await checkRegularFile(place, CheckpointError, "a file of the model");
      await checkInside(folder, place);
      return { path: name.replaceAll(sep, "/"), content: { place } };
    }),
  );
  const top = new Set([...names].map((name) => name.split(sep)[0]));
  return { files, left: all.filter((name) => !top.has(name)) };
}

/** The files that the weights are read from, their index included. */
async function weightNames(folder: string): Promise<string[]> {
  const { files } = await openShards(folder);
  const names = files.map((file) => {
    file.close();
    return basename(file.path);
  });
  const format = WEIGHT_FORMATS.find(({ whole }) => names.includes(whole));
  if (format) return names;
  for (const { index } of WEIGHT_FORMATS) {
    if (await isTaken(join(folder, index))) return [...names, index];
  }
  return names;
}

/** What a link leads to outside of the folder was never meant to be published. */
async function checkInside(folder: string, place: string): Promise<void> {
  const [inside, real] = [await Deno.realPath(folder), await Deno.realPath(place)];
  if (!relative(inside, real).startsWith("..")) return;
  throw new CheckpointError({
    problem: "is a link that leaves its folder",
    file: place,
    expected: "the file itself, or a folder that save-checkpoint wrote",
  });
}
