/**
 * Makes the embedded pairs under `data/checkpoints`: two bases and four fine-tunes. Seeded and
 * resumable; a checkpoint that is already there is left alone.
 */

import { join } from "node:path";
import {
  checkOutputs,
  type DeviceOptions,
  type EmbeddedCheckpoint,
  embeddedCheckpoints,
  makeEmbeddedCheckpoint,
  openEngine,
  OptionError,
  type Output,
} from "../lib/mod.ts";
import { runScript, script, wholeNumber } from "./command_line.ts";
import { withDeviceOptions } from "./device_options.ts";
import { checkReplaceableTraining, filesOf, type ForceOption, withForce } from "./replaceable.ts";

/** What a folder has when nothing is to be done for it. */
const FILES = ["config.json", "card.json", "README.md"];

interface Options extends DeviceOptions, ForceOption {
  only?: string[];
  out: string;
  states: string;
  steps?: number;
}

const command = withForce(withDeviceOptions(script("train", "Trains the embedded pairs.")))
  .option("--only <names...>", "checkpoints to train; default: all six")
  .option("--out <folder>", "folder of the checkpoints", "data/checkpoints")
  .option("--states <folder>", "folder of unfinished runs", "results/training")
  .option("--steps <number>", "steps instead of the recipe's, for a try", wholeNumber(1));

await runScript<Options>(command, async (options, watch) => {
  const { out: checkpoints, states, steps } = options;
  const asked = [...new Set(chosen(options.only))];
  await checkPlaces(asked, options);
  const engine = await openEngine(options);
  for (const { name } of asked) {
    const settings = { engine, checkpoints, states, steps, ...watch };
    const card = await makeEmbeddedCheckpoint(name, settings);
    if (card) console.log(JSON.stringify(card, null, 1));
  }
});

/**
 * A fine-tune starts from its base, which nothing else may be written into; and a folder to which
 * something is to be added must be one of ours.
 */
async function checkPlaces(asked: readonly EmbeddedCheckpoint[], options: Options): Promise<void> {
  const { out, states } = options;
  const folder = (option: string, path: string): Output => ({ option, path, kind: "folder" });
  const bases = asked.flatMap(({ base }) => base ?? []).filter((base) =>
    !asked.some(({ name }) => name === base)
  );
  await checkOutputs(
    [
      folder("--states", states),
      folder("--out", out),
      ...asked.map(({ name }) => folder("--only", join(out, name))),
    ],
    [...new Set(bases)].map((base) => ({ option: "--out", path: join(out, base) })),
  );
  for (const { name } of asked) {
    const present = await filesOf(join(out, name));
    const isMade = FILES.every((file) => present.includes(file));
    if (!isMade) await checkReplaceableTraining(join(out, name), "--out", options);
  }
}

function chosen(only: string[] | undefined): readonly EmbeddedCheckpoint[] {
  if (!only) return embeddedCheckpoints;
  return only.map((name) => {
    const found = embeddedCheckpoints.find((each) => each.name === name);
    if (found) return found;
    throw new OptionError({
      problem: "names no checkpoint",
      option: "--only",
      value: name,
      expected: embeddedCheckpoints.map((each) => each.name).join(", "),
    });
  });
}
