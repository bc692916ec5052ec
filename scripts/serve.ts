/**
 * Answers OpenAI's API for a base and a folder of deltas: many fine-tunes in the memory of one. Ends well on SIGTERM
 * and Ctrl-C: what runs is finished first.
 */

import project from "../deno.json" with { type: "json" };
import { join } from "node:path";
import {
  addKey,
  Checkpoint,
  type DeviceOptions,
  jsonLog,
  openEngine,
  openServer,
  OptionError,
  Residency,
  Scheduler,
  type Server,
  ServingError,
  TenantModel,
} from "../lib/mod.ts";
import { runScript, script, wholeNumber } from "./command_line.ts";
import { byteSize, describeDevice, withDeviceOptions } from "./device_options.ts";
import { A_CHECKPOINT } from "./places.ts";

interface Options extends DeviceOptions {
  base?: string;
  name?: string;
  deltas?: string;
  allowHub?: boolean;
  manifest?: string | false;
  host: string;
  port: number;
  apiKeys?: string;
  cors?: string[];
  maxTenants?: number;
  tenantMemory?: number;
  batch?: number;
  longest?: number;
  cacheTokens?: number;
  queue: number;
  maxBody: number;
  firstToken: number;
  deadline: number;
  drain: number;
  check?: string | true;
  makeKey?: string;
  keyTenants?: string[];
  keyManages?: boolean;
  keyRequests?: number;
  keyTokens?: number;
  keyConcurrent?: number;
}

const seconds = wholeNumber(1, 86_400);

const command = withDeviceOptions(script("serve", "Answers OpenAI's API for a base and deltas."))
  .option("--base <name>", `the ${A_CHECKPOINT}`)
  .option("--deltas <folder>", "deltas, each a tenant: name.safetensors, or name/ with one")
  .option("--name <name>", "what clients call the base; default: its folder's name")
  .option("--host <address>", "where to listen", "127.0.0.1")
  .option("--port <number>", "0 is any that is free", wholeNumber(0, 65_535), 8000)
  .option("--api-keys <file>", "who may ask; without it whoever reaches the server may")
  .option(
    "--cors <origins...>",
    "pages of other origins that may ask, as https://app.example, or *",
  )
  .option("--allow-hub", "lets clients that manage load deltas by hf:owner/name")
  .option("--manifest <file>", "keeps tenants over a restart; default: manifest.json in --deltas")
  .option("--no-manifest", "keeps nothing")
  .option("--max-tenants <number>", "in memory at most; others give way", wholeNumber(1))
  .option("--tenant-memory <size>", "of all tenants at most, as 8GB", byteSize)
  .option("--batch <number>", "texts whose next tokens run together", wholeNumber(1, 4096))
  .option("--longest <number>", "tokens of prompt and answer together", wholeNumber(1))
  .option(
    "--cache-tokens <number>",
    "tokens of all texts that have room for keys and values",
    wholeNumber(1, 2 ** 31),
  )
  .option("--queue <number>", "requests that wait at most", wholeNumber(1), 256)
  .option("--max-body <size>", "of a request, as 4MB", byteSize, 4e6)
  .option("--first-token <seconds>", "within which an answer has to begin", seconds, 300)
  .option("--deadline <seconds>", "within which an answer has to end", seconds, 600)
  .option("--drain <seconds>", "that running answers have when the server is to end", seconds, 30)
  .option("--check [prompt]", "answers once for each model and ends: whether all is well")
  .option("--make-key <name>", "adds a key to --api-keys, prints it, and ends")
  .option("--key-tenants <names...>", "models that it may use; default: all")
  .option("--key-manages", "it may load, unload and pin deltas, and read metrics")
  .option("--key-requests <number>", "requests a minute", wholeNumber(1, 1e9))
  .option("--key-tokens <number>", "tokens a minute, of prompts and answers", wholeNumber(1, 1e9))
  .option("--key-concurrent <number>", "requests at a time", wholeNumber(1));

/** Requests that did not end in time. */
let left = 0;

await runScript<Options>(command, async (options, watch) => {
  if (options.makeKey !== undefined) return await makeKey(options.makeKey, options);
  const { base: source, deltas } = options;
  if (source === undefined || deltas === undefined) throw missing(source ? "--deltas" : "--base");
  // No bar beside the log's lines.
  const signal = { signal: watch.signal };
  using base = await Checkpoint.open(source, watch);
  const engine = await openEngine(options);
  const log = jsonLog((line) => console.log(line));
  await using running = new AsyncDisposableStack();
  const isCheck = options.check !== undefined;
  const kept = options.manifest === false
    ? null
    : options.manifest ?? join(deltas, "manifest.json");
  const server = await openServer({
    ...{ base, deltas, name: options.name, allowHub: options.allowHub, origins: options.cors },
    ...{ hostname: options.host, port: options.port, keys: options.apiKeys, manifest: kept },
    limits: {
      bodyBytes: options.maxBody,
      firstMilliseconds: 1000 * options.firstToken,
      answerMilliseconds: 1000 * options.deadline,
    },
    ...{ log, version: project.version },
    // It asks nobody, disturbs no server that runs, and leaves nothing.
    ...isCheck
      ? { hostname: undefined, port: 0, keys: undefined, manifest: null, log: () => {} }
      : {},
  }, async (listener) => {
    if (!isCheck) log("info", "loading", { message: source });
    const { batch: mostRows, longest, cacheTokens } = options;
    const sizes = { mostRows, longest, cacheTokens };
    const model = running.use(await TenantModel.open(engine, base, { ...sizes, ...signal }));
    const { maxTenants: mostTenants, tenantMemory: mostBytes, queue: mostWaiting } = options;
    const directory = new Residency(model, { mostTenants, mostBytes });
    const taker = running.use(new Scheduler(model, { tenants: directory, mostWaiting, listener }));
    return { taker, directory, longest: model.longest, model };
  });
  if (isCheck) {
    try {
      return await check(server, options.check === true ? "Once upon a time" : options.check!);
    } finally {
      await server.end(0);
    }
  }
  const isOpen = options.apiKeys === undefined && !/^(127\.|localhost$|::1$)/.test(options.host);
  if (isOpen) log("warning", "open", { message: "whoever reaches this address may ask" });
  log("info", "listening", { url: server.url, message: describeDevice(engine) });
  await stopped(watch.signal!);
  log("info", "draining", {});
  left = await server.end(1000 * options.drain);
  log("info", "ended", {});
  if (left > 0) throw watch.signal!.reason;
}, () => left > 0 ? `requests of clients that do not read: ${left}` : "nothing was answered yet");

async function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

/** Asks each model once, as a client would. */
async function check({ url }: Server, prompt: string): Promise<string> {
  const { data } = await (await fetch(`${url}/v1/models`)).json() as { data: { id: string }[] };
  const lines: string[] = [];
  for (const { id: model } of data) {
    const response = await fetch(`${url}/v1/completions`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ model, prompt, max_tokens: 16, temperature: 0 }),
    });
    const answer = await response.json();
    if (!response.ok) {
      const problem = `model '${model}' does not answer`;
      const expected = "an answer of each model";
      throw new ServingError({ problem, value: answer.error.message, expected });
    }
    lines.push(`${model}: ${JSON.stringify(answer.choices[0].text)}`);
  }
  return lines.join("\n");
}

async function makeKey(name: string, options: Options): Promise<string> {
  if (options.apiKeys === undefined) throw missing("--api-keys");
  return await addKey(options.apiKeys, {
    name,
    tenants: options.keyTenants,
    manages: options.keyManages,
    requestsPerMinute: options.keyRequests,
    tokensPerMinute: options.keyTokens,
    concurrent: options.keyConcurrent,
  });
}

function missing(option: string): OptionError {
  return new OptionError({ problem: "is needed", option, expected: "it, see --help" });
}
