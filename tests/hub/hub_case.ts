/** A loopback Hub and a cache of its own for one test, in which nothing waits. */

import { join } from "node:path";
import {
  fetchFiles,
  type HubKind,
  type HubRevision,
  type HubSettings,
  openRevision,
  parseHubName,
  useHub,
} from "../../lib/checkpoint/hub/mod.ts";
import type { Watch } from "../../lib/util/progress.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { type HubOptions, LoopbackHub } from "./loopback_hub.ts";

/** One test's Hub. */
export interface HubCase extends AsyncDisposable {
  readonly hub: LoopbackHub;
  readonly cache: string;
  /** Milliseconds that were to be waited. */
  readonly waits: number[];
  open(name: string, kind?: HubKind, watch?: Watch): Promise<HubRevision>;
  /** All files of a name's revision, or those that are named. @returns their folder. */
  fetch(name: string, paths?: readonly string[], watch?: Watch): Promise<string>;
  /** What is in the cache, as paths in it. */
  listing(): string[];
}

/** Starts one. */
export async function hubCase(
  options: HubOptions,
  settings: Partial<HubSettings> = {},
): Promise<HubCase> {
  const hub = LoopbackHub.start(options);
  const folder = await temporaryFolder();
  const waits: number[] = [];
  const wait = (milliseconds: number, signal?: AbortSignal) => {
    signal?.throwIfAborted();
    waits.push(milliseconds);
    return Promise.resolve();
  };
  const cache = join(folder.path, "cache");
  const own = { endpoint: hub.endpoint, cache, token: null, offline: null, wait, ...settings };
  const used = useHub(own);
  const open = async (name: string, kind: HubKind = "model", watch: Watch = {}) =>
    await openRevision(parseHubName(name, kind), watch);
  return {
    hub,
    cache,
    waits,
    open,
    fetch: async (name, paths, watch) => {
      const revision = await open(name);
      return await fetchFiles(revision, paths ?? revision.files.map(({ path }) => path), watch);
    },
    listing: () => listing(cache),
    async [Symbol.asyncDispose]() {
      used[Symbol.dispose]();
      await hub[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Files and links below a folder. */
function listing(folder: string, prefix = ""): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? listing(join(folder, name), `${prefix}${name}/`) : [`${prefix}${name}`]
  ).sort();
}

/** Bytes that are like no others. */
export function someBytes(count: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: count }, (_, index) => (index * 31 + seed * 17) >> (index % 3));
}
