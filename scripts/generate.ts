/**
 * What a checkpoint, or a base with a delta, goes on with from a prompt, as it comes: any Llama, Mistral or Qwen
 * folders. Many at once over HTTP is `serve`.
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import {
  applyToCheckpoint,
  ChatTemplate,
  Checkpoint,
  completeSampling,
  describeSetting,
  type DeviceOptions,
  endTokens,
  endTokensOf,
  generate,
  generateAll,
  type GenerationRequest,
  longestSequence,
  openDelta,
  openEngine,
  OptionError,
  promptTokens,
  samplingSettings,
  TenantModel,
} from "../lib/mod.ts";
import { runScript, script, wholeNumber } from "./command_line.ts";
import { describeDevice, withDeviceOptions } from "./device_options.ts";
import { keepNetworkForNames } from "./network.ts";
import { A_CHECKPOINT, A_DELTA } from "./places.ts";

interface Options extends DeviceOptions, Record<keyof typeof samplingSettings, number | undefined> {
  base: string;
  delta?: string;
  fine?: string;
  prompt: string[];
  chat?: boolean;
  maxTokens: number;
  stop?: string[];
}

/** The name of the delta among the tenants of its base. */
const TENANT = "delta";

const command = withSamplingOptions(withDeviceOptions(
  script("generate", "Goes on with a text, as a checkpoint or a base with a delta does."),
))
  .requiredOption("--base <name>", `the base's ${A_CHECKPOINT}`)
  .option("--delta <name>", `what goes on is the base with it, ${A_DELTA}`)
  .option(
    "--fine <name>",
    "the fine-tune: goes on itself, or with --delta lends its tokenizer and chat template",
  )
  .requiredOption("--prompt <texts...>", "what is gone on with, each by itself")
  .option("--chat", "prompts are what a user says, in the model's chat template")
  .option("--max-tokens <number>", "most tokens of an answer", wholeNumber(1), 128)
  .option("--stop <texts...>", "what ends an answer, beside the model's own end tokens");

await keepNetworkForNames();
await runScript<Options>(command, async (options, watch, stopBar) => {
  const engine = await openEngine(options);
  using base = await Checkpoint.open(options.base, watch);
  using fine = options.fine === undefined ? null : await Checkpoint.open(options.fine, watch);
  using delta = options.delta === undefined ? null : await openDelta(options.delta, watch);
  const own = delta || !fine ? base : fine;
  const { config } = delta ? await applyToCheckpoint(base, delta) : own;
  const tokenizer = await (fine ?? base).tokenizer(base);
  const template = options.chat ? await templateOf(fine, base) : null;
  const prompts = await Promise.all(
    options.prompt.map((each) => promptTokens(each, tokenizer, template, watch)),
  );
  const { maxTokens: mostTokens, stop: strings = [] } = options;
  const tokens = delta
    ? fine ? (await endTokens(fine)).ids : endTokensOf(config)
    : (await endTokens(own)).ids;
  const names = Object.keys(samplingSettings) as (keyof typeof samplingSettings)[];
  const given = Object.fromEntries(names.map((name) => [name, options[name]]));
  const sampling = completeSampling(given, config.vocabularySize);
  const requests = prompts.map((prompt): GenerationRequest => ({
    tenant: delta && TENANT,
    prompt,
    sampling,
    stops: { strings, tokens },
    mostTokens,
    decoder: tokenizer.decoder,
    signal: watch.signal,
  }));
  const longest = Math.max(...prompts.map(({ length }) => length)) + mostTokens;
  const possible = longestSequence(config);
  if (longest > possible) {
    throw new OptionError({
      problem: "is more than the model has positions for, after the prompt",
      option: "--max-tokens",
      value: mostTokens,
      expected: `at most ${possible - longest + mostTokens}`,
    });
  }
  const sizes = { longest, cacheTokens: longest * prompts.length };
  await using model = await TenantModel.open(engine, own, { ...sizes, ...watch });
  if (delta) await model.load(TENANT, delta, watch);
  stopBar();
  const start = performance.now();
  const count = requests.length === 1
    ? await stream(model, requests[0])
    : await printAll(model, requests, options.prompt);
  const rate = count / (performance.now() - start) * 1000;
  console.error(`${count} tokens, ${rate.toFixed(1)} a second ${describeDevice(engine)}`);
}, "the text ends here");

/** Writes an answer as it comes; returns its number of tokens. */
async function stream(model: TenantModel, request: GenerationRequest): Promise<number> {
  let count = 0;
  for await (const { kind, text } of generate(model, request)) {
    write(text);
    if (kind === "token") count++;
  }
  write("\n");
  return count;
}

/** Writes each answer under its prompt; returns the number of all their tokens. */
async function printAll(
  model: TenantModel,
  requests: readonly GenerationRequest[],
  prompts: readonly string[],
): Promise<number> {
  const answers = await generateAll(model, requests);
  write(answers.map(({ text }, at) => `> ${prompts[at]}\n${text}\n`).join("\n"));
  return answers.reduce((sum, { tokens }) => sum + tokens.length, 0);
}

function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

/** The fine-tune's template, else the base's. */
async function templateOf(fine: Checkpoint | null, base: Checkpoint): Promise<ChatTemplate> {
  const found = fine && await ChatTemplate.open(fine.directory);
  const template = found ?? await ChatTemplate.open(base.directory);
  if (template) return template;
  throw new OptionError({
    problem: "the model has no chat template",
    option: "--chat",
    expected: "prompts that are text to go on with, or --fine with a template in its folder",
  });
}

/** Adds an option for each setting of sampling. */
function withSamplingOptions(command: Command): Command {
  for (const [name, setting] of Object.entries(samplingSettings)) {
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const help = `${setting.help}; default: ${setting.default}`;
    const parse = (text: string) => {
      const number = Number(text);
      const isWhole = setting.kind === "number" || Number.isInteger(number);
      const fits = /^-?\d+(\.\d+)?$/.test(text) && isWhole && number >= setting.minimum &&
        number <= setting.maximum;
      if (fits) return number;
      throw new InvalidArgumentError(`expected ${describeSetting(setting)}.`);
    };
    command.addOption(new Option(`--${flag} <number>`, help).argParser(parse));
  }
  return command;
}
