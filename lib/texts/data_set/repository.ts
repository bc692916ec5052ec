/** Where the files of a data set are: on the Hub, or in a folder laid out as one there. */

import { basename, join } from "node:path";
import {
  fetchFiles,
  formatHubName,
  type HubName,
  type HubRevision,
  openRevision,
  parseHubName,
  revisionName,
  streamFile,
} from "../../checkpoint/hub/mod.ts";
import { HubFileError, TextError } from "../../util/errors.ts";
import { fileFault } from "../../util/file_fault.ts";
import type { Watch } from "../../util/progress.ts";
import { readFileIfThere } from "../../util/read_file.ts";
import { localPlace, type TextPlace } from "../text_source.ts";

/** A repository of a data set. */
export interface Repository {
  /** What errors call it. */
  readonly name: string;
  /** What was named of it: a configuration, a folder or a file; `""` is all. */
  readonly path: string;
  /** `README.md`; `null` if it has none. */
  card(): Promise<string | null>;
  /** All files at or below a path, with paths from the repository's top. */
  files(path: string): Promise<readonly string[]>;
  /**
   * A file to read.
   *
   * @param isPart whether no more than a part may be read of it, in order: then it is not kept.
   */
  place(path: string, isPart: boolean): Promise<TextPlace>;
  /** What provenance says of it, once it was read. */
  origin(): string;
}

/** A folder of this machine. */
export function folderRepository(folder: string): Repository {
  return {
    name: folder,
    path: "",
    card: async () => {
      const bytes = await readFileIfThere(
        join(folder, "README.md"),
        TextError,
        "a data set's card",
      );
      return bytes === undefined ? null : new TextDecoder().decode(bytes);
    },
    files: async (path) => await filesBelow(folder, path),
    place: async (path) => await localPlace(join(folder, path)),
    origin: () => folder,
  };
}

async function filesBelow(folder: string, path: string): Promise<string[]> {
  const found: string[] = [];
  const entries = await Array.fromAsync(Deno.readDir(join(folder, path))).catch((cause) => {
    const problem = "cannot be read";
    throw new TextError({ problem, file: folder, ...fileFault(cause, "a folder of texts") });
  });
  for (const { name } of entries) {
    const inner = path === "" ? name : `${path}/${name}`;
    // By what a link leads to: a snapshot of the Hub's cache is made of links.
    const stat = await Deno.stat(join(folder, inner)).catch(() => null);
    if (stat?.isFile) found.push(inner);
    if (stat?.isDirectory) found.push(...await filesBelow(folder, inner));
  }
  return found;
}

/**
 * A data set on the Hub: `hf:owner/name[@revision][/path]`.
 *
 * @throws {OptionError} if the name is malformed.
 */
export function hubRepository(named: string, watch: Watch): Repository {
  return new HubRepository(parseHubName(named, "dataset"), watch);
}

class HubRepository implements Repository {
  readonly #revisions: HubRevision[] = [];

  constructor(private readonly hubName: HubName, private readonly watch: Watch) {}

  get name(): string {
    return formatHubName({ ...this.hubName, path: "" });
  }

  get path(): string {
    return this.hubName.path;
  }

  async card(): Promise<string | null> {
    let revision: HubRevision;
    try {
      revision = await this.#open("README.md");
    } catch (error) {
      if (error instanceof HubFileError) return null;
      throw error;
    }
    const folder = await fetchFiles(revision, ["README.md"], this.watch);
    return await Deno.readTextFile(join(folder, "README.md"));
  }

  async files(path: string): Promise<readonly string[]> {
    return (await this.#open(path)).files.map((file) => file.path);
  }

  async place(path: string, isPart: boolean): Promise<TextPlace> {
    const revision = this.#revisions.find(({ files }) => files.some((file) => file.path === path))!;
    const file = formatHubName({ ...revision, revision: revision.commit, path });
    if (isPart) {
      const open = async () => await streamFile(revision, path, this.watch);
      return { file, name: basename(path), path: null, open, signal: this.watch.signal };
    }
    const folder = await fetchFiles(revision, [path], this.watch);
    return { ...await localPlace(join(folder, path)), file, name: basename(path) };
  }

  origin(): string {
    return revisionName(this.#revisions[0]);
  }

  async #open(path: string): Promise<HubRevision> {
    const revision = await openRevision({ ...this.hubName, path }, this.watch);
    const [first] = this.#revisions;
    if (first !== undefined && first.commit !== revision.commit) {
      throw new TextError({
        problem: "changed while it was read",
        file: this.name,
        value: [first.commit, revision.commit],
        expected: "one commit; a revision that names one does not change",
      });
    }
    this.#revisions.push(revision);
    return revision;
  }
}
