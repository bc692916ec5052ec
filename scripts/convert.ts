/**
 * From a delta file to the study's `diff.pt`, which its `load_diff` reads, and from a `diff.pt` to a delta file:
 * the same numbers, bit for bit, a layer at a time.
 */

import {
  checkOutputs,
  madeByThisLibrary,
  openDelta,
  OptionError,
  writeDelta,
  writeStudyDiff,
} from "../lib/mod.ts";
import { runScript, script } from "./command_line.ts";
import { keepNetworkForNames } from "./network.ts";
import { A_DELTA, placesRead } from "./places.ts";
import { checkReplaceable, type ForceOption, isDelta, withForce } from "./replaceable.ts";

interface Options extends ForceOption {
  delta: string;
  out: string;
}

/** By the end of a name, what is written. */
const FORMATS = {
  ".safetensors": { write: writeDelta, isOurs: isDelta, holds: "a delta file" },
  ".pt": { write: writeStudyDiff, isOurs: madeByThisLibrary, holds: "the study's diff.pt" },
};

const command = withForce(
  script("convert", "Writes a delta as the study's diff.pt, or a diff.pt as a delta file.")
    .requiredOption("--delta <name>", A_DELTA)
    .requiredOption(
      "--out <file>",
      "named ….pt for the study's format, ….safetensors for this one's",
    ),
);

await keepNetworkForNames();
await runScript<Options>(command, async (options, watch) => {
  const { delta: path, out } = options;
  const format = Object.entries(FORMATS).find(([suffix]) => out.endsWith(suffix))?.[1];
  if (!format) {
    throw new OptionError({
      problem: "does not say which format is wanted",
      option: "--out",
      value: out,
      expected: `a name that ends in ${Object.keys(FORMATS).join(" or ")}`,
    });
  }
  await checkOutputs([{ option: "--out", path: out }], placesRead({ delta: path }));
  await checkReplaceable(out, "--out", format.isOurs, options);
  using delta = await openDelta(path, watch);
  await format.write(out, delta);
  const { method, baseHash } = delta.metadata;
  const lost = out.endsWith(".pt") && (method !== "unknown" || baseHash !== null)
    ? [[
      "left out",
      "its method, settings, and the hashes of its pair, which diff.pt has no place for",
    ]]
    : [];
  return [
    ["layers", String(delta.layers.size)],
    ["whole", `${delta.whole.size} tensors`],
    ...lost,
    ["written", `${out}, ${format.holds}`],
  ].map(([name, value]) => name.padEnd(12) + value).join("\n");
}, "nothing was written");
