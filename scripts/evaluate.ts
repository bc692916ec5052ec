/**
 * Perplexity of a checkpoint on texts, or of a base with a delta, as the study and as
 * lm-evaluation-harness define it; with the fine-tune at hand also how close to it the model is. Any
 * Llama, Mistral or Qwen folders.
 */

import project from "../deno.json" with { type: "json" };
import {
  applyDelta,
  checkMadeFor,
  checkMadeFrom,
  checkOutputs,
  Checkpoint,
  DeltaError,
  type DeviceOptions,
  embeddedProtocol,
  keepEvaluation,
  lentNote,
  longestSequence,
  nameFile,
  openDelta,
  openEngine,
  OptionError,
  Pair,
  pairNotes,
  PlacedModels,
  readText,
  rollingTable,
  scoreDocuments,
  scoreRolling,
  scoreTable,
  sha256,
  tableToMarkdown,
  type WeightSource,
  type WindowProtocol,
  writeFileAtomic,
} from "../lib/mod.ts";
import { runScript, script, wholeNumber } from "./command_line.ts";
import { describeDevice, withDeviceOptions } from "./device_options.ts";
import { keepNetworkForNames } from "./network.ts";
import { A_CHECKPOINT, A_DELTA, placesRead } from "./places.ts";
import { checkReplaceable, type ForceOption, isJsonWith, withForce } from "./replaceable.ts";
import {
  A_TEXT,
  originNotes,
  textChoice,
  type TextOptions,
  withTextOptions,
} from "./text_options.ts";

interface Options extends WindowProtocol, DeviceOptions, ForceOption, TextOptions {
  base: string;
  delta?: string;
  fine?: string;
  text: string[];
  limit?: number;
  maxLength?: number;
  json?: string;
  state?: string;
}

/** Of the harness's windows, unless told otherwise; a model of fewer positions has its own. */
const MAXIMUM_LENGTH = 4096;

const { windows, bootstrapSeed } = embeddedProtocol;

const command = withForce(withTextOptions(withDeviceOptions(
  script("evaluate", "Scores a checkpoint, or a base with a delta, on texts."),
)))
  .requiredOption("--base <name>", `the ${A_CHECKPOINT}`)
  .option("--delta <name>", `applied to it first, ${A_DELTA}`)
  .option("--fine <name>", "the fine-tune, for KL and agreement")
  .requiredOption(
    "--text <names...>",
    `what is scored, each by itself: ${A_TEXT}`,
  )
  .option("--limit <number>", "documents of a text at most, its first", wholeNumber(1))
  .option("--context <number>", "tokens before the scored ones", wholeNumber(0), windows.context)
  .option("--window <number>", "tokens scored at once", wholeNumber(1), windows.window)
  .option(
    "--max-length <number>",
    "tokens of a window as lm-evaluation-harness cuts them; default: the model's positions, at " +
      `most ${MAXIMUM_LENGTH}`,
    wholeNumber(1),
  )
  .option("--json <file>", "also everything, as JSON")
  .option(
    "--state <file>",
    "where an unfinished evaluation is kept for the same command to go on from; default: nowhere",
  );

await keepNetworkForNames();
await runScript<Options>(
  command,
  async (options, watch) => {
    const outputs = [
      ...options.json ? [{ option: "--json", path: options.json }] : [],
      ...options.state ? [{ option: "--state", path: options.state }] : [],
    ];
    if (outputs.length > 0) {
      const { base, fine, delta, text } = options;
      const read = text.flatMap((each) => placesRead({ base, fine, delta, text: each }));
      await checkOutputs(outputs, read);
    }
    if (options.json) {
      await checkReplaceable(
        options.json,
        "--json",
        isJsonWith("model", "base", "protocol"),
        options,
      );
    }
    const engine = await openEngine(options);
    await using pair = options.fine
      ? await Pair.open(options.base, options.fine, { engine, ...watch })
      : null;
    using alone = pair ? null : await Checkpoint.open(options.base, watch);
    const base = pair?.base ?? alone!;
    const fine = pair?.fine ?? null;
    using file = options.delta ? await openDelta(options.delta, watch) : null;
    const named = <T>(action: () => Promise<T>) =>
      nameFile(options.delta ?? "", DeltaError, action);
    const model = file ? await named(() => applyDelta(base, file)) : base;
    const tokenizer = await (pair ? pair.tokenizer() : base.tokenizer());
    const tokenizerPlace = await (fine ?? base).tokenizerPlace(base);
    const { context, window, limit } = options;
    const maximumLength = maximumLengthOf(model, options);
    const texts = await Promise.all(options.text.map(async (name) => {
      const { documents, origin } = await readText(textChoice(name, options), watch);
      return { name, all: documents.length, documents: documents.slice(0, limit), origin };
    }));
    const reference = fine ?? undefined;
    const settings = { tokenizer, windows: { context, window }, reference, bootstrapSeed };
    // Where a model fits it is read once: for its hash, and for all texts and protocols.
    using models = new PlacedModels(engine);
    await using kept = options.state
      ? await keepEvaluation(options.state, engine, { base, fine, delta: file })
      : null;
    const scoring = { ...watch, models, kept: kept ?? undefined };
    for (const each of fine ? [fine, model] : [model]) await models.fill(each, watch);
    if (file) {
      await named(async () => {
        await checkMadeFor(file, base);
        if (fine) await checkMadeFrom(file, fine);
      });
    }
    const scores = [];
    for (const { name, all, documents, origin } of texts) {
      const study = await scoreDocuments(engine, model, name, documents, settings, scoring);
      const rolling = [engine, model, name, documents, tokenizer, maximumLength, scoring] as const;
      scores.push({
        text: {
          name,
          documents: documents.length,
          all,
          hash: sha256(JSON.stringify(documents)),
          origin,
        },
        ...study,
        harness: await scoreRolling(...rolling),
      });
    }
    const notes = fine ? pairNotes(base, fine) : [];
    if (options.json) {
      const record = {
        model: model.name,
        base: await hashed(base),
        fine: fine && await hashed(fine),
        tokenizer: tokenizerPlace,
        pair: notes,
        delta: file && { file: options.delta, ...file.metadata, digest: file.digest },
        protocol: { context, window, bootstrapSeed, limit: limit ?? null, maximumLength },
        engine: engine.name,
        device: engine.details,
        version: project.version,
        ...scores.length === 1 ? scores[0] : { texts: scores },
      };
      await writeFileAtomic(options.json, JSON.stringify(record, null, 2) + "\n");
    }
    await kept?.remove();
    const tables = scores.flatMap(({ text: { name, documents, all }, harness, ...study }) => {
      const part = documents < all ? `, the first ${documents} of ${all} documents` : "";
      return [
        scoreTable(`${model.name} on ${name}${part}`, study),
        rollingTable(`${model.name} on ${name}${part}, as lm-evaluation-harness`, harness),
      ].map((table) => tableToMarkdown(table).trimEnd());
    });
    const unchecked = file && file.digest === null
      ? "\nThe delta's file has no digest, as those of the study's own code and from before there were any: it " +
        "is taken as it is."
      : "";
    const lent = fine ? lentNote(tokenizerPlace, fine.directory) : "";
    const differing = notes.map((note) => `\n${note}`).join("");
    const read = originNotes(texts.map(({ origin }) => origin));
    const anew = kept?.anew ? `\nNot begun from what an earlier run left: ${kept.anew}.` : "";
    return `${tables.join("\n\n")}\n\nScored ${describeDevice(engine)}.` +
      `${read && `\n${read}`}${lent && `\n${lent}`}${differing}${unchecked}${anew}`;
  },
  ({ state }) =>
    state === undefined
      ? "nothing was written"
      : `the same command goes on from what '${state}' keeps`,
);

function maximumLengthOf({ config }: WeightSource, { maxLength }: Options): number {
  if (maxLength === undefined) return Math.min(config.maximumPositions, MAXIMUM_LENGTH);
  const longest = longestSequence(config);
  if (maxLength <= longest) return maxLength;
  throw new OptionError({
    problem: "is longer than the model's positions",
    option: "--max-length",
    value: maxLength,
    expected: `at most ${longest}, its max_position_embeddings` +
      (config.ropeScaling ? " as they are scaled" : ""),
  });
}

async function hashed(
  checkpoint: Checkpoint,
): Promise<{ folder: string; origin?: string; hash: string }> {
  const { directory: folder, origin } = checkpoint;
  return { folder, ...(origin === null ? {} : { origin }), hash: await checkpoint.hash() };
}
