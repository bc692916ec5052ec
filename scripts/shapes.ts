/**
 * Makes a pair of random weights of any decoder's shapes, for trying sizes whose checkpoints are not at
 * hand: how fast, how large; its quality means nothing.
 */

import { join } from "node:path";
import { Option } from "commander";
import {
  checkOutputs,
  configurationLike,
  type FloatType,
  formatBytes,
  makePair,
  publishedConfigurations,
} from "../lib/mod.ts";
import { runScript, script, SEED, wholeNumber } from "./command_line.ts";
import { checkReplaceableShapes, type ForceOption, withForce } from "./replaceable.ts";

interface Options extends ForceOption {
  like: string;
  layers?: number;
  out: string;
  dtype: string;
  seed: number;
  shardSize: number;
}

const names = Object.keys(publishedConfigurations);

const command = withForce(
  script("shapes", "Makes a base and a fine-tune of random weights, of any decoder's shapes.")
    .requiredOption("--like <name>", `${names.join(", ")}, or a checkpoint's folder or config.json`)
    .option("--layers <number>", "decoder layers; default: all", wholeNumber(1))
    .requiredOption("--out <folder>", "where the folders 'base' and 'fine' are made")
    .addOption(
      new Option("--dtype <type>", "type of the weights").choices(["bf16", "f16", "f32"]).default(
        "bf16",
      ),
    )
    .option("--seed <number>", "seed of the weights", SEED, 1)
    .option("--shard-size <megabytes>", "most in a file of weights", wholeNumber(1), 5000),
);

await runScript<Options>(command, async (options, watch) => {
  const started = performance.now();
  const { like, layers, out, dtype, seed, shardSize } = options;
  const config = await configurationLike(like, layers);
  const folders = ["base", "fine"].map((name) => join(out, name));
  const isPublished = names.includes(like);
  await checkOutputs(
    folders.map((path) => ({ option: "--out", path, kind: "folder" })),
    isPublished ? [] : [{ option: "--like", path: like }],
  );
  for (const folder of folders) await checkReplaceableShapes(folder, "--out", options);
  const made = await makePair(out, config, {
    dtype: dtype.toUpperCase() as FloatType,
    seed,
    shardBytes: shardSize * 1e6,
    ...watch,
  });
  const seconds = (performance.now() - started) / 1000;
  const rate = (2 * made.bytes / 1e9 / seconds).toFixed(2);
  return [
    ["base", made.base],
    ["fine-tune", made.fine],
    ["layers", `${config.layerCount}`],
    ["size", `2 × ${formatBytes(made.bytes)}, in ${made.shards} files each`],
    ["time", `${seconds.toFixed(1)} s, ${rate} GB/s`],
  ].map(([name, value]) => name.padEnd(12) + value).join("\n");
}, "no pair was made");
