/**
 * That scripts replace their own files and no others: before any work, a file that is in the place of
 * an output is looked at. Whether something can be written there is `lib/util/check_output.ts`.
 */

import { join } from "node:path";
import type { Command } from "commander";
import {
  FORMAT,
  isOwnCard,
  OptionError,
  readNotebook,
  SafetensorsFile,
  SHAPES_MARK,
  TRAINING_MARK,
} from "../lib/mod.ts";

/** Whether a file is one that this program writes. */
export type IsOurs = (path: string) => Promise<boolean>;

/** What {@linkcode withForce} adds to a script's options. */
export interface ForceOption {
  force?: true;
}

/** Adds the option to replace what {@linkcode checkReplaceable} would refuse to. */
export function withForce(command: Command): Command {
  return command.option("--force", "replace files that this program did not write");
}

/** @throws {OptionError} if there is a file at `path` that is not ours, unless `force` is set. */
export async function checkReplaceable(
  path: string,
  option: string,
  isOurs: IsOurs,
  { force }: ForceOption,
): Promise<void> {
  const isFile = await Deno.stat(path).then((stat) => stat.isFile, () => false);
  if (!isFile || force || await isOurs(path)) return;
  throw new OptionError({
    problem: "would replace a file that this program did not write",
    option,
    value: path,
    expected: "another place, or --force",
  });
}

/** A delta file that `compress` wrote. */
export const isDelta: IsOurs = async (path) => await headerField(path, "format") === FORMAT;

/** Entry of the header of weights that `compress --save-checkpoint` wrote. */
export const CHECKPOINT_MARK = "one_bit_delta";

/** JSON with fields of these names at its top. */
export function isJsonWith(...names: string[]): IsOurs {
  return async (path) => {
    try {
      const value = JSON.parse(await Deno.readTextFile(path));
      return names.every((name) => Object.hasOwn(value, name));
    } catch {
      return false;
    }
  };
}

/** A notebook, which running it again gives. */
export const isNotebook: IsOurs = async (path) => {
  return await readNotebook(path).then(() => true, () => false);
};

/**
 * A folder for a checkpoint: new, without one, or with one that this program wrote; and without a card that a person
 * wrote or changed.
 *
 * @throws {OptionError} as {@linkcode checkReplaceable}.
 */
export async function checkReplaceableCheckpoint(
  folder: string,
  option: string,
  options: ForceOption,
): Promise<void> {
  await checkReplaceable(join(folder, "README.md"), option, isOwnCard, options);
  const names = await filesOf(folder);
  const weights = names.filter((name) => name.endsWith(".safetensors"));
  const marks = await Promise.all(
    weights.map((name) => headerField(join(folder, name), CHECKPOINT_MARK)),
  );
  if (marks.length > 0 && marks.every((mark) => mark !== undefined)) return;
  for (const name of names) {
    if (!/\.(safetensors|json|jinja|model)$/.test(name)) continue;
    await checkReplaceable(join(folder, name), option, () => Promise.resolve(false), options);
  }
}

/**
 * A folder for a checkpoint in training: without weights, or with those of an earlier training.
 *
 * @throws {OptionError} as {@linkcode checkReplaceable}.
 */
export async function checkReplaceableTraining(
  folder: string,
  option: string,
  options: ForceOption,
): Promise<void> {
  for (const name of await filesOf(folder)) {
    if (!name.endsWith(".safetensors")) continue;
    const isOurs: IsOurs = async (path) => await headerField(path, "made_by") === TRAINING_MARK;
    await checkReplaceable(join(folder, name), option, isOurs, options);
  }
}

/**
 * A folder for a checkpoint of a made pair: without files of one, or with those of a pair that was made.
 *
 * @throws {OptionError} as {@linkcode checkReplaceable}.
 */
export async function checkReplaceableShapes(
  folder: string,
  option: string,
  options: ForceOption,
): Promise<void> {
  const names = (await filesOf(folder)).filter((name) => /\.(safetensors|json)$/.test(name));
  for (const name of names.filter((each) => each.endsWith(".safetensors"))) {
    if (await headerField(join(folder, name), "made_by") === SHAPES_MARK) return;
  }
  for (const name of names) {
    await checkReplaceable(join(folder, name), option, () => Promise.resolve(false), options);
  }
}

/**
 * A folder for the figures and tables of a study: new, without files of their names, or with those or
 * the measurements of an earlier run.
 *
 * @throws {OptionError} as {@linkcode checkReplaceable}.
 */
export async function checkReplaceableReport(
  folder: string,
  option: string,
  options: ForceOption,
): Promise<void> {
  const all = await filesOf(folder);
  if (all.includes("measurements")) return;
  const names = all.filter((name) => /^(figure-|table-)/.test(name));
  const isProvenance = isJsonWith("engine", "hashes", "machine", "protocol");
  for (const name of names.filter((each) => each.endsWith(".json"))) {
    if (await isProvenance(join(folder, name))) return;
  }
  for (const name of names) {
    await checkReplaceable(join(folder, name), option, () => Promise.resolve(false), options);
  }
}

/** Names of what lies in a folder; none if it cannot be read. */
export async function filesOf(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  } catch {
    return [];
  }
}

async function headerField(path: string, name: string): Promise<string | undefined> {
  try {
    using file = await SafetensorsFile.open(path);
    return file.metadata[name];
  } catch {
    return undefined;
  }
}
