/**
 * The routes of the loopback Hub by which things are published: repositories and branches made, files announced,
 * those of Git LFS sent to another origin whole, in parts or in chunks, and commits. What is sent lies in a folder, so
 * that files may be of any size.
 *
 * Routes: those that `@huggingface/hub` 2.17.5 asks for.
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { ChunkStore } from "./chunk_store.ts";
import { type HubOptions, LoopbackHub } from "./loopback_hub.ts";
import { ServedFile } from "./served_file.ts";
import type { ServedRepository } from "./served_repository.ts";

/** How uploads are taken. */
export interface UploadOptions {
  /** The token that may write. */
  readonly token: string;
  /** Owners that it may write for; default: all. */
  readonly owners?: readonly string[];
  /** Bytes above which a file comes in parts of so many; default: whole. */
  readonly partSize?: number;
  /** Whether files go to a store of chunks, as the Hub has them go that knows of one. */
  readonly isChunked?: boolean;
}

/** A commit as it was asked for. */
export interface CommitAsked {
  readonly repository: string;
  readonly branch: string;
  readonly summary: string;
  readonly parentCommit: string | null;
  readonly paths: readonly string[];
}

interface Operation {
  readonly key: "header" | "file" | "lfsFile";
  readonly value: Record<string, string>;
}

/** The addresses that things are published at. */
const ROUTES = [
  /^\/api\/(?<route>repos\/create)$/,
  /^\/api\/models\/(?<repository>[^/]+\/[^/]+)\/(?<route>preupload|commit|branch)\/(?<branch>[^/]+)$/,
  /^\/(?<repository>[^/]+\/[^/]+)\.git\/(?<route>info\/lfs)\/objects\/batch$/,
];

function routeOf(path: string): { route: string; repository?: string; branch?: string } | null {
  const found = ROUTES.map((route) => path.match(route)).find((match) => match !== null);
  return found ? found.groups as { route: string } : null;
}

/** The Hub of tests that publish. */
export class UploadHub implements AsyncDisposable {
  /** Where files go as chunks. */
  readonly chunks: ChunkStore;
  /** Commits so far. */
  readonly commits: CommitAsked[] = [];
  /** Bytes of files that arrived at the other origin. */
  received = 0;
  readonly #parts = new Map<string, string[]>();

  private constructor(
    readonly hub: LoopbackHub,
    readonly folder: string,
    readonly options: UploadOptions,
  ) {
    this.chunks = new ChunkStore(folder);
  }

  /** Starts one. */
  static async start(options: UploadOptions & HubOptions): Promise<UploadHub> {
    const folder = await Deno.makeTempDir();
    const routes = [(request: Request, url: URL) => upload.#answer(request, url)];
    const hub = LoopbackHub.start({ ...options, routes });
    const upload: UploadHub = new UploadHub(hub, folder, options);
    return upload;
  }

  /** Ends it, and forgets what was sent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub[Symbol.asyncDispose]();
    await this.chunks[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }

  async #answer(request: Request, url: URL): Promise<Response | null> {
    const { method } = request;
    if (url.origin === this.hub.fileOrigin) {
      return method === "PUT" ? await this.#store(request, url) : null;
    }
    if (url.pathname === "/chunks/token") return this.#chunkToken(request);
    if (url.pathname === "/lfs/complete") return await this.#complete(request);
    const asked = method === "POST" ? routeOf(url.pathname) : null;
    if (asked === null) return null;
    const { route, repository, branch = "main" } = asked;
    const body = await request.text();
    if (request.headers.get("Authorization") !== `Bearer ${this.options.token}`) {
      return Response.json({ error: "Invalid credentials" }, { status: 401 });
    }
    const owner = repository?.split("/")[0] ?? JSON.parse(body).organization;
    if (this.options.owners && !this.options.owners.includes(owner)) {
      return Response.json({ error: "You don't have the rights" }, { status: 403 });
    }
    if (route === "repos/create") return this.#create(JSON.parse(body));
    const found = this.hub.repositories.get(`models/${repository}`);
    if (!found) return Response.json({ error: "Repository not found" }, { status: 404 });
    const revision = decodeURIComponent(branch);
    switch (route) {
      case "branch":
        found.refs.set(revision, found.commitOf("main")!);
        return Response.json({});
      case "preupload":
        return this.#announce(found, JSON.parse(body));
      case "info/lfs":
        return await this.#batch(JSON.parse(body));
      default:
        return await this.#commit(found, revision, body);
    }
  }

  #create(asked: { name: string; organization: string; visibility?: string }): Response {
    const name = `${asked.organization}/${asked.name}`;
    const url = `${this.hub.endpoint}/${name}`;
    if (this.hub.repositories.has(`models/${name}`)) {
      return Response.json({ error: "You already created this model repo", url }, { status: 409 });
    }
    const isPrivate = asked.visibility === "private";
    this.hub.add(name, { files: { ".gitattributes": "" }, private: isPrivate });
    return Response.json({ url, id: "0", name });
  }

  #announce(
    { options }: ServedRepository,
    { files }: { files: { path: string; size: number; sample: string }[] },
  ): Response {
    const isLfs = options.isLfs ?? ((path: string) => /\.(safetensors|bin|pt)$/.test(path));
    return Response.json({
      files: files.map(({ path }) => ({
        path,
        uploadMode: isLfs(path) ? "lfs" : "regular",
        shouldIgnore: false,
      })),
    });
  }

  /** Git LFS's batch, with the Hub's own transfer in parts. */
  async #batch({ objects }: { objects: { oid: string; size: number }[] }): Promise<Response> {
    const { partSize = Infinity } = this.options;
    const answers = await Promise.all(objects.map(async ({ oid, size }) => {
      if (await Deno.stat(join(this.folder, oid)).catch(() => null)) return { oid, size };
      if (this.options.isChunked) return { oid, size, actions: { upload: this.#chunked() } };
      const href = `${this.hub.fileOrigin}/lfs/${oid}`;
      if (size <= partSize) return { oid, size, actions: { upload: { href } } };
      const count = Math.ceil(size / partSize);
      const parts = Array.from({ length: count }, (_, index) => [
        String(index + 1).padStart(5, "0"),
        `${href}/${index + 1}?X-Amz-Signature=signed`,
      ]);
      const header = { chunk_size: String(partSize), ...Object.fromEntries(parts) };
      return {
        oid,
        size,
        actions: { upload: { href: `${this.hub.endpoint}/lfs/complete`, header } },
      };
    }));
    const transfer = this.options.isChunked ? "xet" : "basic";
    return Response.json({ transfer, objects: answers });
  }

  /** Where chunks go, and what opens that: it has run out, so that another is asked for. */
  #chunked(): { href: string; header: Record<string, string> } {
    const header = {
      "X-Xet-Session-Id": "session",
      "X-Xet-Cas-Url": this.chunks.origin,
      "X-Xet-Access-Token": "an old token",
      "X-Xet-Token-Expiration": "1",
    };
    return { href: `${this.hub.endpoint}/chunks/token`, header };
  }

  #chunkToken(request: Request): Response {
    if (request.headers.get("Authorization") !== `Bearer ${this.options.token}`) {
      return new Response(null, { status: 401 });
    }
    const exp = Math.floor(Date.now() / 1000) + 3600;
    return Response.json({ accessToken: this.chunks.token, casUrl: this.chunks.origin, exp });
  }

  /** Takes a file or a part of one; a store of files refuses what comes with a token or without its length. */
  async #store(request: Request, url: URL): Promise<Response> {
    const [, , oid, part] = url.pathname.split("/");
    const length = request.headers.get("Content-Length");
    if (request.headers.has("Authorization") || length === null) {
      return new Response(null, { status: 400 });
    }
    const place = join(this.folder, part ? `${oid}.${part}` : `${oid}.whole`);
    const hash = createHash("sha256");
    using file = await Deno.create(place);
    let size = 0;
    for await (const bytes of request.body ?? []) {
      hash.update(bytes);
      size += bytes.length;
      this.received += bytes.length;
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    }
    if (size !== Number(length)) return new Response(null, { status: 400 });
    const ETag = `"${hash.digest("hex")}"`;
    if (part) return new Response(null, { headers: { ETag } });
    if (ETag !== `"${oid}"`) return new Response(null, { status: 400 });
    await Deno.rename(place, join(this.folder, oid));
    return new Response(null, { headers: { ETag } });
  }

  async #complete(request: Request): Promise<Response> {
    const { oid, parts } = await request.json() as {
      oid: string;
      parts: { partNumber: number; etag: string }[];
    };
    const hash = createHash("sha256");
    const place = join(this.folder, `${oid}.all`);
    using file = await Deno.create(place);
    for (const { partNumber, etag } of parts) {
      const bytes = await Deno.readFile(join(this.folder, `${oid}.${partNumber}`));
      if (`"${createHash("sha256").update(bytes).digest("hex")}"` !== etag) {
        return new Response(null, { status: 400 });
      }
      hash.update(bytes);
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    }
    if (hash.digest("hex") !== oid) return new Response(null, { status: 400 });
    await Deno.rename(place, join(this.folder, oid));
    return Response.json({});
  }

  async #commit(repository: ServedRepository, branch: string, body: string): Promise<Response> {
    const parent = repository.commitOf(branch);
    if (parent === undefined) return Response.json({ error: "No such branch" }, { status: 404 });
    const files = new Map(repository.commits.get(parent)!);
    const operations = body.split("\n").map((line) => JSON.parse(line) as Operation);
    const { value: header } = operations.find(({ key }) => key === "header")!;
    const { summary, parentCommit = null } = header;
    if (parentCommit !== null && parentCommit !== parent) {
      return Response.json({ error: "A commit has happened since" }, { status: 412 });
    }
    const paths: string[] = [];
    for (const { key, value } of operations) {
      if (key === "header") continue;
      const { path, oid, content } = value;
      paths.push(path);
      const onDisk = join(this.folder, `${oid}`);
      if (key === "lfsFile" && !await Deno.stat(onDisk).catch(() => null)) {
        return Response.json({ error: "LFS pointer pointed to a file that does not exist" }, {
          status: 400,
        });
      }
      const held = key === "lfsFile" ? { onDisk } : Uint8Array.fromBase64(content);
      files.set(path, new ServedFile(path, held, key === "lfsFile"));
    }
    const id = repository.commitFiles(branch, files);
    this.commits.push({ repository: repository.name, branch, summary, parentCommit, paths });
    return Response.json({
      success: true,
      commitOid: id,
      commitUrl: `${this.hub.endpoint}/${repository.name}/commit/${id}`,
      hookOutput: "",
    });
  }
}
