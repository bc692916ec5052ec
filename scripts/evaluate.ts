/**
 * Perplexity of a checkpoint on a text, or of a base with a delta; with the fine-tune at hand also how
 * close to it the model is. Any Llama or Mistral folders.
 */

import project from "../deno.json" with { type: "json" };
import { Checkpoint } from "../lib/checkpoint/checkpoint.ts";
import { checkPair } from "../lib/checkpoint/pair.ts";
import type { WeightSource } from "../lib/checkpoint/weights.ts";
import { checkOutputs } from "../lib/check_output.ts";
import { type DeviceOptions, openEngine } from "../lib/device.ts";
import { applyToCheckpoint, checkMadeFrom } from "../lib/delta/apply.ts";
import type { Delta } from "../lib/delta/delta.ts";
import { readDeltaFile } from "../lib/delta/delta_file.ts";
import { namedDocuments } from "../lib/domains/named_text.ts";
import { DeltaError } from "../lib/errors.ts";
import { scoreDocuments } from "../lib/evaluation/score_documents.ts";
import type { WindowProtocol } from "../lib/evaluation/windows.ts";
import { writeFileAtomic } from "../lib/files.ts";
import { nameFile } from "../lib/name_file.ts";
import { scoreTable } from "../lib/report/tables/score_table.ts";
import { tableToMarkdown } from "../lib/report/tables/markdown.ts";
import { sha256 } from "../lib/study/measurement.ts";
import { embeddedProtocol } from "../lib/study/protocol.ts";
import { runScript, script, wholeNumber } from "./command_line.ts";
import { describeDevice, withDeviceOptions } from "./device_options.ts";
import { placesRead } from "./places.ts";

interface Options extends WindowProtocol, DeviceOptions {
  base: string;
  delta?: string;
  fine?: string;
  text: string;
  json?: string;
}

const { windows, bootstrapSeed } = embeddedProtocol;

const command = withDeviceOptions(
  script("evaluate", "Scores a checkpoint, or a base with a delta, on a text."),
)
  .requiredOption("--base <folder>", "the checkpoint")
  .option("--delta <file>", "a delta to apply to it first")
  .option("--fine <folder>", "the fine-tune, for KL and agreement")
  .requiredOption("--text <name>", "a file (.txt, .jsonl), or code, health, finance or wikitext")
  .option("--context <number>", "tokens before the scored ones", wholeNumber(0), windows.context)
  .option("--window <number>", "tokens scored at once", wholeNumber(1), windows.window)
  .option("--json <file>", "also everything, as JSON");

await runScript<Options>(command, async (options, watch) => {
  if (options.json) {
    const { base, fine, delta, text } = options;
    await checkOutputs(
      [{ option: "--json", path: options.json }],
      placesRead({ base, fine, delta, text }),
    );
  }
  using base = await Checkpoint.open(options.base);
  using fine = options.fine ? await Checkpoint.open(options.fine) : null;
  if (fine) checkPair(base, fine);
  const file = options.delta ? await readDeltaFile(options.delta) : null;
  const delta = file?.delta;
  const model = delta ? await applied(base, fine, delta, options.delta!) : base;
  const tokenizer = await (fine ?? base).tokenizer();
  const { text, context, window } = options;
  const documents = await namedDocuments(text);
  const engine = await openEngine(options);
  const reference = fine ?? undefined;
  const settings = { tokenizer, windows: { context, window }, reference, bootstrapSeed };
  const scored = await scoreDocuments(engine, model, text, documents, settings, watch);
  if (options.json) {
    const record = {
      model: model.name,
      base: await hashed(base),
      fine: fine && await hashed(fine),
      delta: file && { file: options.delta, ...file.delta.metadata, digest: file.digest },
      text: { name: text, documents: documents.length, hash: sha256(JSON.stringify(documents)) },
      protocol: { context, window, bootstrapSeed },
      engine: engine.name,
      device: engine.details,
      version: project.version,
      ...scored,
    };
    await writeFileAtomic(options.json, JSON.stringify(record, null, 2) + "\n");
  }
  const table = tableToMarkdown(scoreTable(`${model.name} on ${text}`, scored)).trimEnd();
  const unchecked = file && file.digest === null
    ? "\nThe delta's file has no digest: it was made before there were any, and is taken as it is."
    : "";
  return `${table}\n\nScored ${describeDevice(engine)}.${unchecked}`;
}, "nothing was written");

async function applied(
  base: Checkpoint,
  fine: Checkpoint | null,
  delta: Delta,
  file: string,
): Promise<WeightSource> {
  return await nameFile(file, DeltaError, async () => {
    const model = await applyToCheckpoint(base, delta);
    if (fine) await checkMadeFrom(delta, fine);
    return model;
  });
}

async function hashed(checkpoint: Checkpoint): Promise<{ folder: string; hash: string }> {
  return { folder: checkpoint.directory, hash: await checkpoint.hash() };
}
