/**
 * Sending what was planned: the repository and its branch made where they are not there, large files to Git LFS
 * or the Hub's store of chunks as it asks for them, and all of them in one commit.
 */

import { HubError, InputError, OutputError } from "../../../util/errors.ts";
import type { Watch } from "../../../util/progress.ts";
import { FileBlob } from "./file_blob.ts";
import { type Publication, publicationName, publishingSettings } from "./publication.ts";
import { NO_TOKEN, publishFetch } from "./publish_fetch.ts";
import { publishRefusal, type PublishStep } from "./publish_refusals.ts";

/** How a publication is carried out. */
export interface PublishOptions extends Watch {
  /** First line of the commit; default: how many files there are. */
  readonly message?: string;
  /** Whether a repository that is made is for those alone who may see it; default: as its owner has it set. */
  readonly isPrivate?: boolean;
  /** Whether files may stand in the place of others. */
  readonly force?: boolean;
}

/** What was published. */
export interface Published {
  /** The repository's page. */
  readonly page: string;
  /** The commit that has all of the files; `null` where nothing had to be sent and none was there. */
  readonly commit: string | null;
  /** Files that were sent, in bytes all of them. */
  readonly sent: { readonly files: number; readonly bytes: number };
  /** Whether the repository was made. */
  readonly isNew: boolean;
}

/**
 * Publishes.
 *
 * @throws {OutputError} if a file would stand in the place of another, unless it is forced; if a file changes
 * meanwhile.
 * @throws {HubError} if the Hub refuses, or cannot be reached after six attempts; nothing is committed then.
 *
 * @example
 * ```ts
 * import { OptionError, planPublication, publish, useHub } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using _ = useHub({ token: null, offline: null });
 * const card = { path: "README.md", content: { text: "# A delta" } };
 * // With a token in HF_TOKEN it is sent.
 * const published = async () => await publish(await planPublication([card], "me/delta", "main"));
 * await assert.rejects(published, OptionError);
 * ```
 */
export async function publish(
  publication: Publication,
  options: PublishOptions = {},
): Promise<Published> {
  const { name, page, exists, commit, files } = publication;
  refuseOthers(publication, options);
  const sending = files.filter(({ change }) => change !== "same");
  const bytes = sending.reduce((sum, { size }) => sum + size, 0);
  const sent = { files: sending.length, bytes };
  if (sending.length === 0) return { page, commit, sent, isNew: false };
  const settings = await publishingSettings(name);
  const isNew = !exists && await create(publication, options);
  if (commit === null && name.revision !== "main") await branch(publication, options);
  const hub = await import("@huggingface/hub");
  const { signal, onProgress, message = messageFor(publication) } = options;
  const moved = new Moved(publication, bytes, onProgress);
  const fetch = publishFetch(settings, name, {
    step: "committing",
    signal,
    onBytes: (place, count) => moved.sent(place, count),
  });
  const id = await asked(publication, "committing", signal, async () => {
    const events = hub.commitIter({
      repo: { type: "model", name: name.repository },
      hubUrl: settings.endpoint,
      accessToken: NO_TOKEN,
      fetch,
      abortSignal: signal,
      branch: name.revision,
      ...commit === null ? {} : { parentCommit: commit },
      title: message,
      operations: sending.map(({ path }) => ({
        operation: "addOrUpdate" as const,
        path,
        content: publication.blobs.get(path)!,
      })),
    });
    for (;;) {
      const { value, done } = await events.next();
      if (done) return value?.commit.oid ?? null;
      if (value.event === "fileProgress") moved.event(value.path, value.state, value.progress);
    }
  });
  moved.finish();
  return { page, commit: id, sent, isNew };
}

/** @throws {OutputError} naming what would stand in the place of something else. */
function refuseOthers({ files, page }: Publication, { force }: PublishOptions): void {
  const others = files.filter(({ change }) => change === "other").map(({ path }) => path);
  if (force || others.length === 0) return;
  throw new OutputError({
    problem: `has ${others.length === 1 ? "a file" : "files"} of other content`,
    file: page,
    value: others,
    expected: "another repository or --revision, or --force to put these in their place",
  });
}

function messageFor({ files }: Publication): string {
  const names = files.filter(({ change }) => change !== "same").map(({ path }) => path);
  return names.length === 1 ? `Add ${names[0]}` : `Add ${names[0]} and ${names.length - 1} more`;
}

/** @returns whether it was made: another may have done so meanwhile. */
async function create(publication: Publication, options: PublishOptions): Promise<boolean> {
  const { name } = publication;
  const settings = await publishingSettings(name);
  const hub = await import("@huggingface/hub");
  const { signal, isPrivate } = options;
  let isThere = false;
  const fetch = publishFetch(settings, name, { step: "creating", answers: [409], signal });
  const noting: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    isThere = response.status === 409;
    return isThere ? Response.json({ url: "", id: "" }) : response;
  };
  await asked(publication, "creating", signal, () =>
    hub.createRepo({
      repo: { type: "model", name: name.repository },
      hubUrl: settings.endpoint,
      accessToken: NO_TOKEN,
      fetch: noting,
      ...isPrivate === undefined ? {} : { visibility: isPrivate ? "private" : "public" },
    }));
  return !isThere;
}

async function branch(publication: Publication, { signal }: PublishOptions): Promise<void> {
  const { name } = publication;
  const settings = await publishingSettings(name);
  const hub = await import("@huggingface/hub");
  await asked(publication, "branching", signal, () =>
    hub.createBranch({
      repo: { type: "model", name: name.repository },
      hubUrl: settings.endpoint,
      accessToken: NO_TOKEN,
      fetch: publishFetch(settings, name, { step: "branching", answers: [409], signal }),
      branch: name.revision,
    }).catch((error) => {
      // Somebody made it meanwhile.
      if (!(error instanceof hub.HubApiError) || error.statusCode !== 409) throw error;
    }));
}

/** @throws {HubError} for whatever the package throws, whose own words could repeat an address that is a secret. */
async function asked<T>(
  publication: Publication,
  step: PublishStep,
  signal: AbortSignal | undefined,
  action: () => Promise<T>,
): Promise<T> {
  const hub = await import("@huggingface/hub");
  try {
    signal?.throwIfAborted();
    return await action();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof InputError || error instanceof Deno.errors.NotCapable) throw error;
    const settings = await publishingSettings(publication.name);
    if (error instanceof hub.HubApiError) {
      throw publishRefusal(settings, publication.name, step, error.statusCode);
    }
    throw new HubError({
      problem: "answers otherwise than a Hub does",
      file: publicationName(publication),
      expected: `the Hub's own answers; HF_ENDPOINT is ${settings.endpoint}`,
      cause: error,
    });
  }
}

/** Bytes that have left, file by file. */
class Moved {
  readonly #sizes: ReadonlyMap<string, number>;
  readonly #paths: ReadonlyMap<string, string>;
  readonly #counts = new Map<string, number>();

  constructor(
    { blobs, files }: Publication,
    readonly total: number,
    readonly onProgress: Watch["onProgress"],
  ) {
    const sending = files.filter(({ change }) => change !== "same");
    this.#sizes = new Map(sending.map(({ path, size }) => [path, size]));
    const paths = [...blobs].flatMap(([path, blob]) =>
      blob instanceof FileBlob ? [[blob.state.place, path] as const] : []
    );
    this.#paths = new Map(paths);
  }

  /** Bytes of a file have left, or have to leave again. */
  sent(place: string, count: number): void {
    const path = this.#paths.get(place);
    if (path === undefined) return;
    this.#set(path, (this.#counts.get(path) ?? 0) + count, `sending ${path}`);
  }

  /** What the package says, which knows of files as chunks and of those that the Hub has already. */
  event(path: string, state: string, progress: number): void {
    const size = this.#sizes.get(path) ?? 0;
    const count = this.#counts.get(path) ?? 0;
    const isSent = state === "uploading";
    this.#set(
      path,
      isSent ? Math.max(count, Math.round(progress * size)) : count,
      isSent ? `sending ${path}` : `reading ${path}`,
    );
  }

  /** Small files are in the commit itself. */
  finish(): void {
    for (const [path, size] of this.#sizes) this.#set(path, size, "committed");
  }

  #set(path: string, count: number, label: string): void {
    this.#counts.set(path, Math.min(count, this.#sizes.get(path)!));
    const done = [...this.#counts.values()].reduce((sum, each) => sum + each, 0);
    const complete = [...this.#counts].filter(([path, at]) => at === this.#sizes.get(path)).length;
    this.onProgress?.({
      done: complete,
      total: this.#sizes.size,
      label,
      bytes: { done, total: this.total },
    });
  }
}
