/**
 * From a base and a delta file to a whole model: a folder that transformers and other programs load. What
 * `compress --save-checkpoint` does, later and without the fine-tune.
 */

import {
  applyToCheckpoint,
  checkOutputs,
  Checkpoint,
  checkSave,
  openDelta,
  saveCheckpoint,
  saveOptions,
} from "../lib/mod.ts";
import { runScript, script } from "./command_line.ts";
import { keepNetworkForNames } from "./network.ts";
import { A_CHECKPOINT, A_DELTA, placesRead } from "./places.ts";
import { checkReplaceableCheckpoint, type ForceOption, withForce } from "./replaceable.ts";
import {
  describedAs,
  type DtypeOption,
  floatType,
  savedRows,
  withDtype,
} from "./saved_checkpoint.ts";

interface Options extends DtypeOption, ForceOption {
  base: string;
  delta: string;
  fine?: string;
  out: string;
}

const command = script("apply", "Writes a base with a delta applied, as a whole model.")
  .requiredOption("--base <name>", `the base's ${A_CHECKPOINT}`)
  .requiredOption("--delta <name>", A_DELTA)
  .option(
    "--fine <name>",
    "the fine-tune, for its config.json, tokenizer, chat templates and settings of generation " +
      "(default: the base's, config.json as the model needs it)",
  )
  .requiredOption("--out <folder>", "the model");
withForce(withDtype(command));

await keepNetworkForNames();
await runScript<Options>(command, async (options, watch) => {
  const { base: baseFolder, delta: path, fine: fineFolder, out } = options;
  await checkOutputs(
    [{ option: "--out", path: out, kind: "folder" }],
    placesRead({ base: baseFolder, delta: path, fine: fineFolder }),
  );
  await checkReplaceableCheckpoint(out, "--out", options);
  using base = await Checkpoint.open(baseFolder, watch);
  using fine = fineFolder === undefined ? null : await Checkpoint.open(fineFolder, watch);
  using delta = await openDelta(path, watch);
  const model = await applyToCheckpoint(base, delta);
  const saving = {
    ...await saveOptions(fine ?? base, base, floatType(options)),
    ...await describedAs(delta, { base, ...fine && { fine } }, options),
    fromBase: fine === null,
  };
  await checkSave(out, model.config, saving);
  const saved = await saveCheckpoint(out, model, { ...saving, ...watch });
  return savedRows(out, options, saved).map(([name, value]) => name.padEnd(12) + value).join("\n");
}, "no model was written");
