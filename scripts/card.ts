/** The model card of a delta's file: a `README.md` as the Hugging Face Hub reads it. */

import {
  cardOfDelta,
  checkOutputs,
  Checkpoint,
  isOwnCard,
  modelCard,
  openDelta,
  readCardScores,
  writeCard,
} from "../lib/mod.ts";
import { runScript, script } from "./command_line.ts";
import { keepNetworkForNames } from "./network.ts";
import { A_CHECKPOINT, A_DELTA, placesRead } from "./places.ts";
import { checkReplaceable, type ForceOption, withForce } from "./replaceable.ts";

interface Options extends ForceOption {
  delta: string;
  base?: string;
  fine?: string;
  scores?: string;
  out: string;
}

const command = script(
  "card",
  "Writes the model card of a delta, as the Hugging Face Hub reads it.",
)
  .requiredOption("--delta <name>", A_DELTA)
  .option("--base <name>", `for its name, its base's ${A_CHECKPOINT}`)
  .option("--fine <name>", "its fine-tune, for its name, its size and its licence")
  .option("--scores <file>", "what evaluate --json measured of it")
  .requiredOption("--out <file>", "the card, a README.md");
withForce(command);

await keepNetworkForNames();
await runScript<Options>(command, async (options, watch) => {
  const { delta: path, base: baseFolder, fine: fineFolder, scores: scored, out } = options;
  await checkOutputs(
    [{ option: "--out", path: out }],
    placesRead({ delta: path, base: baseFolder, fine: fineFolder, scores: scored }),
  );
  await checkReplaceable(out, "--out", isOwnCard, options);
  using delta = await openDelta(path, watch);
  using base = baseFolder === undefined ? null : await Checkpoint.open(baseFolder, watch);
  using fine = fineFolder === undefined ? null : await Checkpoint.open(fineFolder, watch);
  const scores = scored === undefined ? [] : await readCardScores(scored, delta);
  const card = await cardOfDelta(delta, {
    ...base && { base },
    ...fine && { fine },
    scores,
  });
  await writeCard(out, modelCard(card));
  return out;
}, "no card was written");
