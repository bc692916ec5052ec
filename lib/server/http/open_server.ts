/**
 * A server from its parts: a base, a folder of deltas, what runs them, and who may ask. Not here: what runs them
 * (`scheduler.ts`, `residency.ts`).
 */

import { modelName } from "../../checkpoint/checkpoint_folder.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { OptionError } from "../../util/errors.ts";
import type { BatchModel } from "../../model/serving/batch_model.ts";
import type { RequestTaker, ServingListener } from "../request.ts";
import type { TenantDirectory } from "../tenant_directory.ts";
import { Allowances } from "./allowance.ts";
import { Catalogue } from "./catalogue.ts";
import { DeltasFolder, isTenantName } from "./deltas_folder.ts";
import { listen } from "./http_server.ts";
import { readKeys } from "./keys.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import type { Log } from "./log.ts";
import { Manifest } from "./manifest.ts";
import { ServerMetrics } from "./metrics.ts";
import { baseTexts } from "./tenant_texts.ts";

/** What a server is to be. */
export interface ServerOptions {
  /** Default: `127.0.0.1`, which no other machine reaches. */
  readonly hostname?: string;
  /** Default: 8000; 0: any that is free. */
  readonly port?: number;
  /** Of all tenants; stays open as long as the server. */
  readonly base: Checkpoint;
  /** What the base is asked for by; default: its folder's name. */
  readonly name?: string;
  /** A folder of deltas. */
  readonly deltas: string;
  /** Whether clients that manage may have deltas fetched from the Hugging Face Hub. */
  readonly allowHub?: boolean;
  /** Where tenants are kept over a restart; `null`: nowhere. */
  readonly manifest?: string | null;
  /** A file of keys; without one, whoever reaches the server may ask. */
  readonly keys?: string;
  /** Origins whose pages may ask, or `*`. */
  readonly origins?: readonly string[];
  /** What one request may take, where it differs from {@linkcode defaultLimits}. */
  readonly limits?: Partial<Limits>;
  /** Who is told what happens; default: nobody. */
  readonly log?: Log;
  /** What `GET /version` tells. */
  readonly version?: string;
  /** Milliseconds, for allowances. */
  readonly now?: () => number;
}

/** What runs a server's requests. */
export interface ServingParts {
  /** What takes them. */
  readonly taker: RequestTaker;
  /** Whose they are. */
  readonly directory: TenantDirectory;
  /** Tokens that a prompt and its answer may have together. */
  readonly longest: number;
  /** What runs them: models can be compared then; default: they cannot. */
  readonly model?: BatchModel;
}

/** A server that answers. */
export interface Server {
  /** Such as `http://127.0.0.1:8000`. */
  readonly url: string;
  /** Settled when all that the manifest names was tried. */
  readonly restored: Promise<void>;
  /**
   * Takes nothing new, lets what runs come to its end, and ends.
   *
   * @param milliseconds after which answers end as they are.
   * @returns how many requests did not end: those of clients that do not read, which go with the process.
   */
  end(milliseconds: number): Promise<number>;
}

/**
 * Begins to answer OpenAI's API, on a base and a folder of deltas.
 *
 * @param parts made once all else is known to be right, with whom to tell what happens.
 * @throws {OptionError} if there is no such folder, or the keys or the manifest are none.
 * @throws {OutputError} if another server has the manifest.
 * @throws what listening throws: the port is taken, or not this user's.
 *
 * @example
 * ```ts
 * import { Checkpoint, onnxEngine, openServer, projectPath } from "@bitdelta/workspace";
 * import { Residency, Scheduler, TenantModel } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * await using model = await TenantModel.open(onnxEngine(), base, { longest: 64 });
 * const directory = new Residency(model);
 * await using running = new AsyncDisposableStack();
 * const deltas = await Deno.makeTempDir();
 * const server = await openServer({ base, deltas, port: 0 }, (listener) => {
 *   const taker = running.use(new Scheduler(model, { tenants: directory, listener }));
 *   return { taker, directory, model, longest: model.longest };
 * });
 * const response = await fetch(`${server.url}/v1/completions`, {
 *   method: "POST",
 *   headers: { "Content-Type": "application/json" },
 *   body: JSON.stringify({ model: "llama-base", prompt: "Once", max_tokens: 4 }),
 * });
 * assert.equal((await response.json()).usage.completion_tokens, 4);
 * await server.end(0);
 * ```
 */
export async function openServer(
  options: ServerOptions,
  parts: (listener: ServingListener) => ServingParts | Promise<ServingParts>,
): Promise<Server> {
  const { base, log = () => {}, hostname = "127.0.0.1", port = 8000, origins = [] } = options;
  const name = options.name ?? modelName(base.directory);
  if (!isTenantName(name)) {
    const expected = "letters, digits and _ . + -, in parts with / between them";
    throw new OptionError({
      problem: "can be no model's name",
      option: "name",
      value: name,
      expected,
    });
  }
  const keys = options.keys === undefined ? null : await readKeys(options.keys);
  const folder = await DeltasFolder.open(options.deltas, options.allowHub);
  const texts = await baseTexts(base);
  const metrics = await ServerMetrics.open(name);
  using opened = new DisposableStack();
  const manifest = options.manifest ? opened.use(await Manifest.open(options.manifest)) : null;
  const { taker, directory, longest, model = null } = await parts(metrics);
  metrics.watch({ taker, tenants: directory });
  const catalogue = new Catalogue({ base, name, texts, folder, directory, manifest, log });
  await catalogue.list();
  const server = listen({ hostname, port }, {
    ...{ catalogue, taker, directory, model, metrics, keys, origins, log, longest },
    allowances: new Allowances(options.now),
    limits: { ...defaultLimits, ...options.limits },
    version: options.version ?? "unknown",
    began: Math.floor(Date.now() / 1000),
  });
  const kept = opened.move();
  return {
    url: server.url,
    restored: catalogue.restore(),
    async end(milliseconds) {
      const left = await server.end(milliseconds);
      await catalogue.end();
      kept.dispose();
      return left;
    },
  };
}
