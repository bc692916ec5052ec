/** A repository as the loopback Hub has it: its commits, and what is in each. */

import { createHash } from "node:crypto";
import { join, relative } from "node:path";
import { type Content, ServedFile } from "./served_file.ts";

/** What a test says of a repository. */
export interface RepositoryOptions {
  /** Default: a model. */
  readonly kind?: "model" | "dataset";
  /** By path; or a folder on the disk, with all that is in it. */
  readonly files: Readonly<Record<string, Content>> | string;
  /** Further revisions beside `main`, by name. */
  readonly revisions?: Readonly<Record<string, Readonly<Record<string, Content>>>>;
  /** Which files are in Git LFS; default: those of weights and tables. */
  readonly isLfs?: (path: string) => boolean;
  /** Files are for those alone who have the token. */
  readonly gated?: boolean;
  /** All is for those alone who have the token. */
  readonly private?: boolean;
  /** The name that it was given since: what asks for it is sent there. */
  readonly renamedTo?: string;
}

const LFS = /\.(safetensors|bin|pt|gguf|parquet|gz|zip|model)$/;

/** A repository. */
export class ServedRepository {
  readonly kind: "model" | "dataset";
  /** Commits of revisions. */
  readonly refs = new Map<string, string>();
  /** Files of commits, by path. */
  readonly commits = new Map<string, ReadonlyMap<string, ServedFile>>();

  constructor(readonly name: string, readonly options: RepositoryOptions) {
    this.kind = options.kind ?? "model";
    const { files, revisions = {} } = options;
    this.commit("main", typeof files === "string" ? folderContents(files) : files);
    for (const [revision, contents] of Object.entries(revisions)) this.commit(revision, contents);
  }

  /** Makes a commit of files, and a revision of it. */
  commit(revision: string, contents: Readonly<Record<string, Content>>): string {
    const { isLfs = (path: string) => LFS.test(path) } = this.options;
    const files = Object.entries(contents)
      .map(([path, content]) => [path, new ServedFile(path, content, isLfs(path))] as const);
    return this.commitFiles(revision, new Map(files));
  }

  /** Makes a commit of files that are served already, or were sent. */
  commitFiles(revision: string, files: ReadonlyMap<string, ServedFile>): string {
    const listing = [...files].map(([path, file]) => [path, file.etag]);
    const id = createHash("sha1").update(JSON.stringify([this.name, listing])).digest("hex");
    this.commits.set(id, files);
    this.refs.set(revision, id);
    return id;
  }

  /** The commit of a revision. */
  commitOf(revision: string): string | undefined {
    return this.refs.get(revision === "HEAD" ? "main" : revision) ??
      (this.commits.has(revision) ? revision : undefined);
  }
}

/** The files of a folder and those below it, links followed. */
function folderContents(folder: string): Record<string, Content> {
  const contents: Record<string, Content> = {};
  const walk = (at: string) => {
    for (const { name } of Deno.readDirSync(at)) {
      const path = join(at, name);
      if (Deno.statSync(path).isDirectory) walk(path);
      else contents[relative(folder, path).replaceAll("\\", "/")] = { onDisk: path };
    }
  };
  walk(folder);
  return contents;
}
