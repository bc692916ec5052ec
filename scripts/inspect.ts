/**
 * Says what lies at a path (a delta, a checkpoint, a file of tensors), or what a delta of given shapes would
 * take; reads headers and scales, and writes nothing.
 */

import {
  configurationLike,
  deltaFileSize,
  inspect,
  inspectionTables,
  methods,
  OptionError,
  planDelta,
  publishedConfigurations,
  sizeTable,
  statedTensors,
  tableToMarkdown,
  weightBytes,
} from "../lib/mod.ts";
import { runScript, script } from "./command_line.ts";
import { keepNetworkForNames } from "./network.ts";

interface Options {
  json?: boolean;
  layer?: string;
  verify?: boolean;
  like?: string[];
  method: string;
}

const laidOut = methods.filter((each) =>
  each.kind === "chosen" || each.kind === "closed form" && !each.measured
);

const command = script("inspect", "Says what a delta, a checkpoint or a file of tensors is.")
  .argument(
    "[path]",
    "a delta's file, a checkpoint's folder, a file of tensors, or hf:owner/name[@revision][/path]",
  )
  .option("--json", "as one JSON document; parseInspection of lib/mod.ts checks and types it")
  .option("--layer <name>", "also one layer or whole tensor of a delta, part by part")
  .option("--verify", "read every byte: a delta's against its digests, a checkpoint's for its hash")
  .option(
    "--like <names...>",
    `without a path: what a delta of such shapes takes (${
      Object.keys(publishedConfigurations).join(", ")
    }, or a checkpoint's folder or config.json)`,
  )
  .option("--method <name>", "of the delta that --like lays out", laidOut[0].name);

await keepNetworkForNames();
await runScript<Options>(command, async ({ json, layer, verify, like, method }, watch) => {
  const [path] = command.args;
  if ((path === undefined) === (like === undefined)) {
    throw new OptionError({
      problem: "one of a path and --like is needed",
      value: path,
      expected: "either what lies somewhere, or shapes",
    });
  }
  if (like !== undefined) {
    const rows = await Promise.all(like.map(async (name) => {
      const fine = statedTensors(await configurationLike(name));
      return {
        name,
        size: deltaFileSize(planDelta(fine, { method })),
        fineBytes: weightBytes(fine),
      };
    }));
    return json
      ? JSON.stringify(rows, null, 2)
      : tableToMarkdown(sizeTable(`Deltas by '${method}', MB of 10⁶ bytes`, rows)).trimEnd();
  }
  const found = await inspect(path, { ...watch, layer, verify });
  return json
    ? JSON.stringify(found, null, 2)
    : inspectionTables(found).map((table) => tableToMarkdown(table).trimEnd()).join("\n\n");
}, "nothing was written");
