/** A server on a free port over a toy scheduler, with a real base, tokenizer and folder of deltas, for tests. */

import { join } from "node:path";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { writeDelta } from "../../../lib/delta/delta_writer.ts";
import type { TextTokenizer } from "../../../lib/checkpoint/tokenizer.ts";
import { jsonLog } from "../../../lib/server/http/log.ts";
import {
  openServer,
  type Server,
  type ServerOptions,
} from "../../../lib/server/http/open_server.ts";
import { extractDelta } from "../../methods/extract.ts";
import { type TokenizedPair, tokenizedPair } from "../../scripts/tokenized_pair.ts";
import { ToyDirectory, ToyTaker } from "./toy_scheduler.ts";

/** The pair that all servers of a test file share, removed when it is unloaded; and its delta, in a file. */
export async function servedPair(): Promise<TokenizedPair & { readonly delta: string }> {
  const pair = await tokenizedPair();
  addEventListener("unload", () => Deno.removeSync(pair.folder, { recursive: true }));
  using base = await Checkpoint.open(pair.base);
  using fine = await Checkpoint.open(pair.fine);
  const delta = join(pair.folder, "delta.safetensors");
  await writeDelta(delta, await extractDelta(base, fine));
  return { ...pair, delta };
}

/** A chat template in the manner of many. */
export const TEMPLATE = "{{ bos_token }}{% for message in messages %}" +
  "{% if message['role'] == 'assistant' and loop.first %}{{ raise_exception('begins wrongly') }}{% endif %}" +
  "<{{ message['role'] }}>{{ message['content'] | trim }}\n{% endfor %}" +
  "{% if add_generation_prompt %}<assistant>{% endif %}";

/** How a toy server is to be; with a folder, it keeps what is there of an earlier one. */
export type ToyOptions = Partial<Omit<ServerOptions, "base" | "deltas">> & { folder?: string };

/** A running one. */
export interface ToyServer extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
  readonly taker: ToyTaker;
  readonly directory: ToyDirectory;
  readonly tokenizer: TextTokenizer;
  /** Lines of the log. */
  readonly lines: Record<string, unknown>[];
  /** With `alice.safetensors`, `bob/delta.safetensors` that has a chat template, and the manifest. */
  readonly folder: string;
  /** Posts JSON, or a text as it is. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
}

/** Starts one, its tenants restored. */
export async function toyServer(
  pair: TokenizedPair & { readonly delta: string },
  options: ToyOptions = {},
): Promise<ToyServer> {
  const folder = options.folder ?? await deltasFolder(pair);
  const base = await Checkpoint.open(pair.base);
  const lines: Record<string, unknown>[] = [];
  const directory = new ToyDirectory();
  let taker!: ToyTaker;
  const server = await openServer({
    ...options,
    ...{ base, name: "base", deltas: folder, port: 0, version: "1.2.3" },
    manifest: join(folder, "manifest.json"),
    log: jsonLog((line) => lines.push(JSON.parse(line))),
  }, (listener) => {
    taker = new ToyTaker(directory, listener);
    return { taker, directory, longest: 512 };
  });
  const { url } = server;
  const tokenizer = await base.tokenizer();
  await server.restored;
  return {
    ...{ url, server, taker, directory, tokenizer, lines, folder },
    post: (path, body, headers = {}) =>
      fetch(`${url}${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    async [Symbol.asyncDispose]() {
      await server.end(0);
      base.close();
    },
  };
}

async function deltasFolder({ folder, delta }: { folder: string; delta: string }): Promise<string> {
  const deltas = await Deno.makeTempDir({ dir: folder });
  await Deno.copyFile(delta, join(deltas, "alice.safetensors"));
  await Deno.mkdir(join(deltas, "bob"));
  await Deno.copyFile(delta, join(deltas, "bob", "delta.safetensors"));
  await Deno.writeTextFile(join(deltas, "bob", "chat_template.jinja"), TEMPLATE);
  return deltas;
}
