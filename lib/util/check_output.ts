/**
 * Whether what a program is to write can be written, and is nothing that it reads: asked before hours
 * of work rather than after. Writing is `files.ts`.
 */

import { fstatSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { OptionError, OutputError } from "./errors.ts";
import { fileFault } from "./file_fault.ts";
import { tryFolder } from "./files.ts";
import { standardInput } from "./regular_file.ts";
import { formatBytes } from "./time_left.ts";

/** A file or folder that an option names. */
export interface Place {
  /** As an error is to name it: `"--out"`. */
  readonly option: string;
  /** A file, or a folder with all files in it. */
  readonly path: string;
}

/** Where something is to be written. */
export interface Output extends Place {
  /** `"folder"`: files of many names in it. Default: one file. */
  readonly kind?: "file" | "folder";
}

/**
 * Checks that every output can be written and that no two of them, and none and an input, are one: by
 * real path and by inode, so that links of either kind are seen through. A folder that is read counts
 * with every file in it, and nothing new may come into it.
 *
 * @param inputs those that do not exist are for their readers to refuse.
 * @throws {OutputError} if an output cannot be written.
 * @throws {OptionError} if one would replace what is read, or another output.
 *
 * @example
 * ```ts
 * import { checkOutputs, OptionError, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const input = { option: "--base", path: projectPath("README.md") };
 * const output = { option: "--out", path: projectPath("README.md") };
 * await assert.rejects(checkOutputs([output], [input]), OptionError);
 * ```
 */
export async function checkOutputs(
  outputs: readonly Output[],
  inputs: readonly Place[],
): Promise<void> {
  const taken = new Map<string, string>();
  const take = async (path: string, by: string) => {
    for (const mark of await marks(path)) taken.set(mark, by);
  };
  const takenBy = async (path: string) => {
    return (await marks(path)).map((mark) => taken.get(mark)).find((by) => by !== undefined);
  };
  for (const { option, path } of inputs) {
    for (const each of [path, ...await filesOf(path)]) await take(each, `${option} reads`);
  }
  // Folders first: a file may lie in none of them.
  for (const output of outputs.toSorted((a, b) => folderFirst(a) - folderFirst(b))) {
    const { option, path, kind = "file" } = output;
    await (kind === "file" ? checkOutput(path) : checkFolder(path));
    const within = kind === "file" ? undefined : await filesOf(path);
    const refuse = (problem: string) => {
      const expected = "a place apart from all that is read and written";
      return new OptionError({ problem, option, value: path, expected });
    };
    for (const each of [path, ...within ?? []]) {
      const by = await takenBy(each);
      if (by) {
        throw refuse(`${each === path ? "would replace" : "is a folder that holds"} what ${by}`);
      }
    }
    const above = within ? undefined : await takenBy(dirname(resolve(path)));
    if (above) throw refuse(`lies in the folder that ${above}`);
    await take(path, `${option} writes`);
  }
}

/**
 * Checks that a file can be made at `path`, by making one of another name beside it and removing it.
 * Where the folder does not exist yet, the folder above it is tried; none is made.
 *
 * @throws {OutputError} if `path` is a folder or a device, or nothing can be made there.
 */
export async function checkOutput(path: string): Promise<void> {
  const there = await refusedAs(path, async () => {
    const there = await statOrNull(path);
    if (!there || there.isFile) await tryFolder(await nearestExisting(dirname(resolve(path))));
    return there;
  });
  if (!there || there.isFile) return;
  const problem = there.isDirectory ? "is a folder" : "is a device or pipe";
  throw new OutputError({ problem, file: path, expected: "the name of a file" });
}

/**
 * Checks that a file system has room, where it can be asked (the permission `sys=statfs`); else a write that
 * fails tells.
 *
 * @param path a file or folder, perhaps yet to be made.
 * @throws {OutputError} if fewer bytes are free.
 */
export async function checkRoom(path: string, bytes: number): Promise<void> {
  const nearest = await refusedAs(path, () => nearestExisting(resolve(path)));
  const free = await statfs(nearest).then((fs) => fs.bavail * fs.bsize, () => Infinity);
  if (bytes <= free) return;
  throw new OutputError({
    problem: "has too little free space",
    file: path,
    value: formatBytes(free),
    expected: formatBytes(bytes),
  });
}

function folderFirst({ kind }: Output): number {
  return kind === "folder" ? 0 : 1;
}

async function checkFolder(path: string): Promise<void> {
  const there = await refusedAs(path, async () => {
    const nearest = await nearestExisting(resolve(path));
    const there = await Deno.stat(nearest);
    if (there.isDirectory) await tryFolder(nearest);
    return there;
  });
  if (there.isDirectory) return;
  throw new OutputError({ problem: "is a file", file: path, expected: "the name of a folder" });
}

async function refusedAs<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const fault = fileFault(error as Error, "a writable folder with free space");
    throw new OutputError({ problem: "cannot be written", file: path, ...fault });
  }
}

/** What makes a place the same as another: its real path, and its inode where the system has any. */
async function marks(path: string): Promise<string[]> {
  if (standardInput.has(path)) {
    // May be a file, by a shell's `<`.
    const { dev, ino } = fstatSync(0);
    return [inodeMark(dev, ino)];
  }
  try {
    const { dev, ino } = await Deno.stat(path);
    return [await Deno.realPath(path), ...ino ? [inodeMark(dev, ino)] : []];
  } catch {
    // Not there, or not to be looked at: what is written there replaces nothing that can be read.
    const absolute = resolve(path);
    const parent = await Deno.realPath(dirname(absolute)).catch(() => dirname(absolute));
    return [resolve(parent, absolute.slice(dirname(absolute).length).replace(/^[/\\]/, ""))];
  }
}

function inodeMark(device: number, inode: number): string {
  return `inode ${inode} of ${device}`;
}

/** The files directly in a folder, those that links lead to among them; none of what is no folder. */
async function filesOf(path: string): Promise<string[]> {
  const isFolder = async (path: string) =>
    (await statOrNull(path).catch(() => null))?.isDirectory ?? false;
  if (!await isFolder(path)) return [];
  const files: string[] = [];
  for await (const { name, isFile } of Deno.readDir(path)) {
    const each = resolve(path, name);
    if (isFile || !await isFolder(each)) files.push(each);
  }
  return files;
}

async function nearestExisting(path: string): Promise<string> {
  return await statOrNull(path) ? path : await nearestExisting(dirname(path));
}

async function statOrNull(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
