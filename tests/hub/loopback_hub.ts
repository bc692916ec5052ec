/**
 * A Hugging Face Hub on 127.0.0.1 with the real one's routes, for tests: what it serves is given, what goes
 * wrong is switched on, and what was asked of it is written down. Files of Git LFS come from another origin,
 * which counts the requests that show it a token.
 *
 * Routes: those that `@huggingface/hub` 2.17.5 and Python's `huggingface_hub` ask for.
 */

import { type Fault, Faults } from "./faults.ts";
import { serveBytes } from "./serve_bytes.ts";
import type { ServedFile } from "./served_file.ts";
import { type RepositoryOptions, ServedRepository } from "./served_repository.ts";

/** A request that was made. */
export interface Asked {
  readonly method: string;
  readonly origin: "hub" | "files";
  /** Path and search. */
  readonly path: string;
  readonly range: string | null;
  readonly hasToken: boolean;
}

/** A further route: answers a request, or says `null`. */
export type Route = (request: Request, url: URL) => Promise<Response | null> | Response | null;

/** How a Hub is to be. */
export interface HubOptions {
  /** By name: `owner/name`; those of data sets too. */
  readonly repositories?: Readonly<Record<string, RepositoryOptions>>;
  /** What opens gated and private repositories. */
  readonly token?: string;
  /** Entries of a page of a listing. */
  readonly pageSize?: number;
  /** Answer before all others. */
  readonly routes?: readonly Route[];
}

/** A running Hub; disposing of it ends it. */
export class LoopbackHub implements AsyncDisposable {
  /** What was asked so far. */
  readonly asked: Asked[] = [];
  readonly repositories = new Map<string, ServedRepository>();
  readonly #faults = new Faults();
  /** What requests wait for that are met with silence. */
  readonly #ended = Promise.withResolvers<Response>();
  readonly #files = new Map<string, ServedFile>();
  readonly #hub: Deno.HttpServer<Deno.NetAddr>;
  readonly #store: Deno.HttpServer<Deno.NetAddr>;

  private constructor(readonly options: HubOptions) {
    for (const [name, repository] of Object.entries(options.repositories ?? {})) {
      this.add(name, repository);
    }
    const common = { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: failed };
    this.#hub = Deno.serve(common, (request) => this.#answer(request));
    this.#store = Deno.serve(common, (request) => this.#serve(request));
  }

  /** Starts one. */
  static start(options: HubOptions = {}): LoopbackHub {
    return new LoopbackHub(options);
  }

  /** What `HF_ENDPOINT` has to be. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#hub.addr.port}`;
  }

  /** The origin of the files of Git LFS. */
  get fileOrigin(): string {
    return `http://127.0.0.1:${this.#store.addr.port}`;
  }

  /** Adds a repository. */
  add(name: string, options: RepositoryOptions): ServedRepository {
    const repository = new ServedRepository(name, options);
    this.repositories.set(`${repository.kind}s/${name}`, repository);
    return repository;
  }

  /** Lets something go wrong from now on. */
  fail(fault: Fault): void {
    this.#faults.add(fault);
  }

  /** Lets nothing go wrong any more. */
  mend(): void {
    this.#faults.clear();
  }

  /** Ends it, and the connections to it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.resolve(failed());
    await Promise.all([this.#hub.shutdown(), this.#store.shutdown()]);
  }

  #note(request: Request, origin: "hub" | "files"): URL {
    const url = new URL(request.url);
    const hasToken = request.headers.has("Authorization");
    const range = request.headers.get("Range");
    const path = url.pathname + url.search;
    this.asked.push({ method: request.method, origin, path, range, hasToken });
    return url;
  }

  async #answer(request: Request): Promise<Response> {
    const url = this.#note(request, "hub");
    const fault = this.#faults.take(url);
    if (fault.silent) return await this.#ended.promise;
    if (fault.status) return faulty(fault);
    for (const route of this.options.routes ?? []) {
      const response = await route(request, url);
      if (response) return response;
    }
    const parts = url.pathname.slice(1).split("/").map(decodeURIComponent);
    return parts[0] === "api"
      ? await this.#api(request, url, parts.slice(1), fault)
      : this.#resolve(request, url, parts, fault);
  }

  /** `/api/models/owner/name/revision/main` and beside. */
  async #api(request: Request, url: URL, parts: string[], fault: Fault): Promise<Response> {
    const [kind, owner, name, what, revision, ...path] = parts;
    const found = this.#find(request, url, kind, `${owner}/${name}`);
    if (found instanceof Response) return found;
    const commit = found.commitOf(revision ?? "main");
    if (commit === undefined) return refused(404, "RevisionNotFound");
    const files = [...found.commits.get(commit)!.values()];
    if (what === undefined || what === "revision") {
      return Response.json({
        _id: "0".repeat(24),
        id: found.name,
        sha: commit,
        private: found.options.private ?? false,
        gated: found.options.gated ? "manual" : false,
        lastModified: "2024-01-01T00:00:00.000Z",
        downloads: 0,
        likes: 0,
        siblings: files.map(({ path }) => ({ rfilename: path })),
      });
    }
    if (what === "paths-info") {
      const { paths } = await request.json() as { paths: string[] };
      const all = entries(files, "", true, fault);
      return Response.json(all.filter(({ path }) => paths.includes(path)));
    }
    if (what !== "tree") return refused(404, "RepoNotFound");
    const all = entries(files, path.join("/"), url.searchParams.get("recursive") === "true", fault);
    if (path.length > 0 && all.length === 0) return refused(404, "EntryNotFound");
    const { pageSize = 1000 } = this.options;
    const start = Number(url.searchParams.get("cursor") ?? 0);
    const next = new URL(url);
    next.searchParams.set("cursor", String(start + pageSize));
    const link = start + pageSize < all.length ? { Link: `<${next}>; rel="next"` } : undefined;
    return Response.json(all.slice(start, start + pageSize), { headers: link });
  }

  /** `/owner/name/resolve/main/path` and, of data sets, `/datasets/owner/…`. */
  #resolve(request: Request, url: URL, parts: string[], fault: Fault): Response {
    const isDataset = parts[0] === "datasets";
    const [owner, name, what, revision, ...path] = isDataset ? parts.slice(1) : parts;
    const found = this.#find(request, url, isDataset ? "datasets" : "models", `${owner}/${name}`);
    if (found instanceof Response) return found;
    if (what !== "resolve") return refused(404, "RepoNotFound");
    const commit = found.commitOf(revision);
    if (commit === undefined) return refused(404, "RevisionNotFound");
    if (found.options.gated && !this.#isKnown(request)) {
      return refused(request.headers.has("Authorization") ? 403 : 401, "GatedRepo");
    }
    const file = found.commits.get(fault.commit ?? commit)!.get(path.join("/"));
    if (file === undefined) return refused(404, "EntryNotFound", { "X-Repo-Commit": commit });
    const headers = {
      "X-Repo-Commit": commit,
      "X-Linked-Size": String(file.size),
      "X-Linked-ETag": `"${file.etag}"`,
      ETag: `"${file.etag}"`,
    };
    if (!file.isLfs || fault.pointer) return serveBytes(file, request, fault, headers);
    const place = `/${file.sha256}/${encodeURIComponent(file.path)}`;
    this.#files.set(place, file);
    const Location = `${this.fileOrigin}${place}?X-Amz-Signature=signed`;
    return new Response(null, { status: 302, headers: { ...headers, Location } });
  }

  /** The other origin, which a token must never reach. */
  async #serve(request: Request): Promise<Response> {
    const url = this.#note(request, "files");
    const fault = this.#faults.take(url);
    if (fault.silent) return await this.#ended.promise;
    if (request.headers.has("Authorization")) return new Response("a token", { status: 400 });
    if (fault.status) return faulty(fault);
    for (const route of this.options.routes ?? []) {
      const response = await route(request, url);
      if (response) return response;
    }
    const file = this.#files.get(url.pathname);
    if (file === undefined) return new Response(null, { status: 404 });
    return serveBytes(file, request, fault, { ETag: `"${file.sha256}"` });
  }

  #find(request: Request, url: URL, kind: string, name: string): ServedRepository | Response {
    const found = this.repositories.get(`${kind}/${name}`);
    if (found === undefined || found.options.private && !this.#isKnown(request)) {
      return refused(request.headers.has("Authorization") ? 404 : 401, "RepoNotFound");
    }
    const { renamedTo } = found.options;
    if (renamedTo === undefined) return found;
    const Location = url.pathname.replace(name, renamedTo) + url.search;
    return new Response(null, { status: 307, headers: { Location } });
  }

  #isKnown(request: Request): boolean {
    const { token } = this.options;
    return token !== undefined && request.headers.get("Authorization") === `Bearer ${token}`;
  }
}

/** Entries of a folder as the Hub lists them. */
function entries(
  files: readonly ServedFile[],
  folder: string,
  isRecursive: boolean,
  fault: Fault,
): { type: string; path: string; size: number }[] {
  const prefix = folder === "" ? "" : `${folder}/`;
  const below = files.filter(({ path }) => path.startsWith(prefix));
  const depth = prefix.split("/").length;
  const folders = new Set(below.flatMap(({ path }) => {
    const parts = path.split("/");
    const all = parts.map((_, index) => parts.slice(0, index).join("/"));
    return all.slice(depth, isRecursive ? undefined : depth + 1);
  }));
  const shown = below.filter(({ path }) => isRecursive || path.split("/").length === depth);
  return [
    ...[...folders].map((path) => ({ type: "directory", path, size: 0, oid: "0".repeat(40) })),
    ...shown.map((file) => {
      const size = fault.size ?? file.size;
      const { sha256: oid, pointer, path } = file;
      const lfs = file.isLfs ? { lfs: { oid, size, pointerSize: pointer.length } } : {};
      return { type: "file", path, size, oid: file.oid, ...lfs };
    }),
  ];
}

function refused(status: number, code: string, headers: Record<string, string> = {}): Response {
  const message = `refused: ${code}`;
  return Response.json({ error: message }, {
    status,
    headers: { ...headers, "X-Error-Code": code, "X-Error-Message": message },
  });
}

function faulty({ status, headers, body = "" }: Fault): Response {
  const isEmpty = status === 204 || status === 304;
  return new Response(isEmpty ? null : body, { status, headers });
}

/** A body that fails ends its connection; nothing is printed. */
function failed(): Response {
  return new Response(null, { status: 500 });
}
