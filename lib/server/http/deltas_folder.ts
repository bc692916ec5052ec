/**
 * The folder in which a server's deltas lie, and the way from what a client names to a file in it, never out of it.
 * Not here: loading what lies there (`residency.ts`).
 */

import { basename, dirname, join, relative, sep } from "node:path";
import { hubOrigin } from "../../checkpoint/checkpoint_folder.ts";
import { fetchDelta } from "../../delta/fetch_delta.ts";
import { isHubName, parseHubName } from "../../checkpoint/hub/hub_name.ts";
import { DeltaError, OptionError } from "../../util/errors.ts";
import type { Watch } from "../../util/progress.ts";
import { ApiError } from "./api_error.ts";

/** A part of a path, and of a tenant's name: nothing hidden, nothing that a shell or a URL reads otherwise. */
const PART = /^[A-Za-z0-9_][\w.+-]{0,127}$/;
const FILE = /\.(safetensors|pt)$/;
/** What a tenant's name lacks of its file's. */
const ENDING = /(\.delta)?\.(safetensors|pt)$/;
const ENDINGS = [".safetensors", ".delta.safetensors", ".pt"];
const LONGEST = 512;

/** Whether a text can be a tenant's name: parts with `/` between them. */
export function isTenantName(text: string): boolean {
  return text.length <= LONGEST && text.split("/").every((part) => PART.test(part));
}

/** Where a delta lies. */
export interface DeltaPlace {
  /** Its file. */
  readonly path: string;
  /** What names it: a path within the folder, or `hf:…`. */
  readonly source: string;
  /** The name that a tenant of it has unless told. */
  readonly name: string;
  /** The folder that is its own, in which a tokenizer and a chat template may stand; `null` if it has none. */
  readonly folder: string | null;
}

/**
 * A folder of deltas: `name.safetensors`, `name.delta.safetensors`, `name.pt`, or a folder `name/` with one of them.
 */
export class DeltasFolder {
  private constructor(
    /** Without links. */
    readonly path: string,
    readonly allowsHub: boolean,
  ) {}

  /** @throws {OptionError} if there is no such folder. */
  static async open(path: string, allowsHub = false): Promise<DeltasFolder> {
    const real = await Deno.realPath(path).catch(() => null);
    if (real !== null && (await Deno.stat(real)).isDirectory) {
      return new DeltasFolder(real, allowsHub);
    }
    throw new OptionError({ problem: "is no folder", file: path, expected: "a folder of deltas" });
  }

  /** All deltas in the folder itself and in folders of their own, by the names of their tenants. */
  async list(): Promise<DeltaPlace[]> {
    const places: DeltaPlace[] = [];
    const names = (await Array.fromAsync(Deno.readDir(this.path))).map(({ name }) => name);
    for (const name of names.toSorted().filter((each) => PART.test(each))) {
      // What is no delta, or leads out of the folder, is not listed.
      const place = await this.#find(name).catch(() => null);
      if (place !== null && !places.some((each) => each.name === place.name)) places.push(place);
    }
    return places;
  }

  /**
   * Where a delta lies, fetched first where it is the Hub's and not in its cache.
   *
   * @param source a name of {@linkcode list}, a path within the folder, or `hf:owner/name[@revision][/file]`.
   * @throws {ApiError} if it cannot be a source, the Hub is not allowed, or nothing is there.
   * @throws {HubError} {DeltaError} as `fetchDelta`.
   */
  async find(source: string, watch: Watch = {}): Promise<DeltaPlace> {
    if (isHubName(source)) return await this.#fetch(source, watch);
    const place = isTenantName(source) ? await this.#find(source) : null;
    if (place !== null) return place;
    throw new ApiError("noModel", {
      problem: "is no delta of this server's folder",
      option: "source",
      value: source,
      expected: "the name of one, its path within the folder" +
        (this.allowsHub ? ", or hf:owner/name" : ""),
    });
  }

  async #fetch(source: string, watch: Watch): Promise<DeltaPlace> {
    if (!this.allowsHub) {
      const problem = "is on the Hugging Face Hub, which this server was not told to ask";
      const expected = "a delta of its folder";
      throw new ApiError("notAllowed", { problem, option: "source", value: source, expected });
    }
    const { repository } = parseHubName(source, "model");
    const path = await fetchDelta(source, watch);
    // At the commit that it was fetched at, whatever its branch is by the next start.
    const origin = hubOrigin(dirname(path));
    const fixed = origin === null ? source : `${origin}/${basename(path)}`;
    return { path, source: fixed, name: repository, folder: null };
  }

  async #find(source: string): Promise<DeltaPlace | null> {
    for (const each of FILE.test(source) ? [source] : ENDINGS.map((end) => source + end)) {
      const path = await this.#within(each);
      if (path !== null && (await Deno.stat(path)).isFile) return this.#place(path, each);
    }
    const folder = await this.#within(source);
    if (folder === null || !(await Deno.stat(folder)).isDirectory) return null;
    const entries = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
    // Of a checkpoint the weights, which are no delta.
    if (entries.includes("config.json")) return null;
    const deltas = entries.filter((name) => PART.test(name) && FILE.test(name));
    if (deltas.length > 1) {
      const problem = "holds more than one file that may be a delta";
      const file = source;
      throw new DeltaError({ problem, file, value: deltas, expected: "one, or its path" });
    }
    const [one] = deltas;
    const path = one === undefined ? null : await this.#within(`${source}/${one}`);
    return path === null ? null : { ...this.#place(path, `${source}/${one}`), name: source };
  }

  #place(path: string, source: string): DeltaPlace {
    const parts = source.split("/");
    const folder = parts.length > 1 ? join(this.path, ...parts.slice(0, -1)) : null;
    return { path, source, name: source.replace(ENDING, ""), folder };
  }

  /** What stands at a path within the folder, links followed; `null` if nothing does, or it leads out. */
  async #within(path: string): Promise<string | null> {
    const real = await Deno.realPath(join(this.path, path)).catch(() => null);
    if (real === null) return null;
    const from = relative(this.path, real);
    return from === ".." || from.startsWith(`..${sep}`) || from === "" ? null : real;
  }
}
