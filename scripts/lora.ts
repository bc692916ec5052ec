/**
 * A fine-tune that a LoRA was merged into, as the LoRA that it was: a folder that PEFT loads beside the base. Of a
 * full fine-tune, whose difference is of full rank, it says so.
 */

import { join } from "node:path";
import {
  ADAPTER_CONFIG,
  ADAPTER_WEIGHTS,
  checkOutputs,
  Checkpoint,
  type DeviceOptions,
  formatBytes,
  LORA_MARK,
  LORA_SETTINGS,
  openEngine,
  OptionError,
  SafetensorsFile,
  type SavedLora,
  saveLora,
} from "../lib/mod.ts";
import { runScript, script, SEED, wholeNumber } from "./command_line.ts";
import { withDeviceOptions } from "./device_options.ts";
import { keepNetworkForNames } from "./network.ts";
import { A_CHECKPOINT, placesRead } from "./places.ts";
import { checkReplaceable, type ForceOption, withForce } from "./replaceable.ts";

interface Options extends DeviceOptions, ForceOption {
  base: string;
  fine: string;
  maxRank: number;
  tolerance: number;
  seed: number;
  out: string;
}

const { mostRank, tolerance, seed } = LORA_SETTINGS;

const command = withDeviceOptions(
  script("lora", "Writes the difference of a pair as a LoRA adapter, where it is low-rank.")
    .requiredOption("--base <name>", `the base's ${A_CHECKPOINT}`)
    .requiredOption("--fine <name>", "the fine-tune's")
    .requiredOption("--out <folder>", "the adapter, for PEFT"),
)
  .option("--max-rank <number>", "highest rank of a layer", wholeNumber(1, 4096), mostRank)
  .option(
    "--tolerance <share>",
    "‖Δ − BA‖ / ‖Δ‖ that may be lost; 0: what rounding the weights explains, alone",
    share,
    tolerance,
  )
  .option("--seed <number>", "of the directions looked in", SEED, seed);
withForce(command);

await keepNetworkForNames();
await runScript<Options>(command, async (options, watch) => {
  const { out, maxRank, tolerance, seed } = options;
  await checkOutputs(
    [{ option: "--out", path: out, kind: "folder" }],
    placesRead({ base: options.base, fine: options.fine }),
  );
  const isOurs = () => isAdapter(out);
  for (const name of [ADAPTER_CONFIG, ADAPTER_WEIGHTS]) {
    await checkReplaceable(join(out, name), "--out", isOurs, options);
  }
  const engine = await openEngine(options);
  using base = await Checkpoint.open(options.base, watch);
  using fine = await Checkpoint.open(options.fine, watch);
  const settings = { mostRank: maxRank, tolerance, seed };
  const saved = await saveLora(out, engine, base, fine, { ...settings, ...watch });
  return summary(out, saved);
}, "no adapter was written");

function summary(out: string, { layers, whole, bytes }: SavedLora): string {
  const shown = (share: number) => share.toExponential(1);
  const rows = layers.map(({ name, rank, error, rounding }) =>
    `${name.padEnd(36)} rank ${String(rank).padStart(3)}, ${shown(error)} of ‖Δ‖ left; ` +
    `rounding makes ${shown(rounding)}`
  );
  for (const tensor of whole) rows.push(`${tensor.padEnd(36)} whole`);
  return [...rows, `adapter     ${out}, ${formatBytes(bytes)}`].join("\n");
}

async function isAdapter(folder: string): Promise<boolean> {
  try {
    using file = await SafetensorsFile.open(join(folder, ADAPTER_WEIGHTS));
    return LORA_MARK in file.metadata;
  } catch {
    return false;
  }
}

function share(text: string): number {
  const number = Number(text);
  if (text.trim() !== "" && number >= 0 && number < 1) return number;
  const expected = "a number from 0 to less than 1";
  throw new OptionError({ problem: "is no share", option: "--tolerance", value: text, expected });
}
