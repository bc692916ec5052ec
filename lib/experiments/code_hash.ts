/** A hash of the code that measures: a measurement made by other code is another measurement. */

import { createHash } from "node:crypto";

/** Parts of `lib/` whose code a number depends on; reports and the study's own list do not change it. */
const MEASURING = [
  "checkpoint/",
  "codecs/",
  "delta/",
  "engines/",
  "evaluation/",
  "graph/",
  "methods/",
  "model/",
  "training/",
  "texts/sequences.ts",
  "experiments/measure.ts",
  "experiments/open_pair.ts",
  "experiments/pair.ts",
];

/** SHA-256 over the names and contents of all measuring files, in the order of their names. */
export async function measuringCodeHash(): Promise<string> {
  const root = new URL("../", import.meta.url);
  const files: URL[] = [];
  for (const part of MEASURING) {
    const url = new URL(part, root);
    files.push(...part.endsWith("/") ? await sourceFiles(url) : [url]);
  }
  const hash = createHash("sha256");
  for (const file of files.sort((a, b) => a.href < b.href ? -1 : 1)) {
    hash.update(file.href.slice(root.href.length));
    hash.update(await Deno.readFile(file));
  }
  return hash.digest("hex");
}

async function sourceFiles(folder: URL): Promise<URL[]> {
  const files: URL[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isDirectory) files.push(...await sourceFiles(new URL(`${entry.name}/`, folder)));
    else if (entry.name.endsWith(".ts")) files.push(new URL(entry.name, folder));
  }
  return files;
}
