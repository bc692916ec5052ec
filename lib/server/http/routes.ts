/** Which handler answers which path. */

import { chat } from "./chat.ts";
import { completions } from "./completions.ts";
import type { Handler } from "./context.ts";
import { deleteDelta, listDeltas, loadDelta, pinDelta } from "./deltas.ts";
import { listModels, oneModel } from "./models.ts";
import { pageFile } from "./page_files.ts";

/** Who may ask. */
export type Audience =
  /** anyone, with or without a key, */
  | "anyone"
  /** any key, */
  | "keys"
  /** or one that manages. */
  | "managers";

/** A route. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** Parts of the path; `*` is any one. */
  readonly path: string;
  readonly audience: Audience;
  readonly handler: Handler;
}

const health: Handler = ({ stopping }) =>
  Response.json({ status: stopping.aborted ? "draining" : "ok" }, {
    status: stopping.aborted ? 503 : 200,
  });
const version: Handler = ({ version }) => Response.json({ version });
const metrics: Handler = ({ metrics }) => metrics.toResponse();
const page: Handler = (_, { names: [name = "index.html"] }) => pageFile(name);

const route = (method: Route["method"], path: string, audience: Audience, handler: Handler) =>
  ({ method, path, audience, handler }) as const;

/** All of them; the first that fits answers. */
export const routes: readonly Route[] = [
  route("GET", "/health", "anyone", health),
  route("GET", "/version", "anyone", version),
  route("GET", "/metrics", "managers", metrics),
  route("GET", "/v1/models", "keys", listModels),
  route("GET", "/v1/models/*", "keys", oneModel),
  route("POST", "/v1/completions", "keys", completions),
  route("POST", "/v1/chat/completions", "keys", chat),
  route("GET", "/v1/deltas", "managers", listDeltas),
  route("POST", "/v1/deltas", "managers", loadDelta),
  route("DELETE", "/v1/deltas/*", "managers", deleteDelta),
  route("POST", "/v1/deltas/*/pin", "managers", pinDelta(true)),
  route("DELETE", "/v1/deltas/*/pin", "managers", pinDelta(false)),
  route("GET", "/", "anyone", page),
  route("GET", "/*", "anyone", page),
];

/** What is asked for: a route with the parts that it leaves open, or the methods that the path has. */
export type Found =
  | { readonly route: Route; readonly names: readonly string[] }
  | { readonly allowed: readonly string[] };

/** The route of a request. A name may have slashes of its own, written `%2F` or not where it is the last part. */
export function findRoute(method: string, pathname: string): Found {
  const parts = pathname.split("/").slice(1).map(decoded);
  const fits = routes.flatMap((route) => {
    const names = namesIn(route.path, parts);
    return names === null ? [] : [{ route, names }];
  });
  const asked = method === "HEAD" ? "GET" : method;
  return fits.find(({ route }) => route.method === asked) ??
    { allowed: [...new Set(fits.map(({ route }) => route.method))] };
}

function namesIn(path: string, parts: readonly string[]): string[] | null {
  const wanted = path.split("/").slice(1);
  // Of models alone, whose names are `owner/name` on the Hub.
  const isOpen = path === "/v1/models/*" && parts.length > wanted.length;
  const given = isOpen
    ? [...parts.slice(0, wanted.length - 1), parts.slice(wanted.length - 1).join("/")]
    : parts;
  if (given.length !== wanted.length) return null;
  if (wanted.some((part, at) => part !== "*" && part !== given[at])) return null;
  return given.filter((part, at) => wanted[at] === "*" && part !== "");
}

/** A part of a path; what is malformed is no name of anything. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "\0";
  }
}
