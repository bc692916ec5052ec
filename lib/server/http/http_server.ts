/**
 * The server itself: listens, finds the route, asks for the key, turns what goes wrong into OpenAI's errors, logs, and
 * ends. Not here: routes (`routes.ts`).
 */

import { ApiError } from "./api_error.ts";
import type { Exchange, ServerContext } from "./context.ts";
import { authenticate, type KeyEntry } from "./keys.ts";
import type { LogFields } from "./log.ts";
import { refusalOf } from "./refusals_of_errors.ts";
import { findRoute, type Route } from "./routes.ts";

/** Milliseconds in which the last answers have to reach their clients. */
const GRACE = 1000;

/** Where a server listens. */
export interface Address {
  readonly hostname: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** A server that listens. */
export interface HttpServer {
  /** Such as `http://127.0.0.1:8000`. */
  readonly url: string;
  /**
   * Takes no more connections, and lets what runs come to its end.
   *
   * @param milliseconds after which answers end as they are.
   * @returns how many requests did not end: those of clients that do not read, which go with the process.
   */
  end(milliseconds: number): Promise<number>;
}

/** Begins to listen. @throws what `Deno.serve` throws, if the port is taken or may not be used. */
export function listen(
  { hostname, port }: Address,
  context: Omit<ServerContext, "stopping">,
): HttpServer {
  const stopping = new AbortController();
  const running = new Set<symbol>();
  const own = { ...context, stopping: stopping.signal };
  const server = Deno.serve({
    hostname,
    port,
    onListen: () => {},
    // What comes here has no request any more.
    onError: (error) => refusalOf(error).toResponse(),
  }, async (request) => {
    const id = Symbol();
    // Each may hold a body: what all of them hold is bounded, too.
    const isTooMany = request.method === "POST" && running.size >= own.limits.requests;
    running.add(id);
    return await respond(own, request, isTooMany, () => running.delete(id));
  });
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    url: `http://${host}:${server.addr.port}`,
    async end(milliseconds) {
      stopping.abort();
      const whole = Promise.all([server.shutdown(), context.taker.drain(milliseconds)]);
      // The scheduler ends what is left in time: what stays then has a client that does not read.
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, milliseconds + GRACE);
      await Promise.race([whole, late]);
      clearTimeout(timer);
      return running.size;
    },
  };
}

async function respond(
  context: ServerContext,
  request: Request,
  isTooMany: boolean,
  done: () => void,
): Promise<Response> {
  const started = performance.now();
  const id = `req-${crypto.randomUUID()}`;
  const fields: LogFields = { request: id, method: request.method };
  let goesOn = false;
  const end = (more: LogFields) => {
    const milliseconds = Math.round(performance.now() - started);
    const { route = "none", status = 0 } = Object.assign(fields, more);
    // Of methods there are as many as clients make up.
    const method = route === "none" ? "other" : request.method;
    context.metrics.countResponse(route, method, status);
    context.log(status >= 500 ? "error" : "info", "request", { ...fields, milliseconds });
    done();
  };
  const exchange = {
    request,
    note: (more: LogFields) => void Object.assign(fields, more),
    goesOn: () => {
      goesOn = true;
      return { ended: end };
    },
  };
  let response: Response;
  try {
    if (isTooMany) throw tooMany(context);
    response = await routed(context, exchange);
  } catch (error) {
    const refusal = refusalOf(error);
    response = refusal.toResponse();
    exchange.note({ code: refusal.told.code });
    if (refusal.kind === "fault") {
      exchange.note({ message: String((error as Error)?.stack ?? error) });
    }
  }
  const { headers } = response;
  headers.set("X-Request-Id", id);
  headers.set("X-Content-Type-Options", "nosniff");
  allowOrigin(context, request, headers);
  if (!goesOn) end({ status: response.status });
  return response;
}

async function routed(
  context: ServerContext,
  exchange: Omit<Exchange, "names" | "key">,
): Promise<Response> {
  const { request } = exchange;
  const pathname = URL.parse(request.url)?.pathname;
  if (pathname === undefined) {
    const expected = "a host's name and perhaps a port";
    throw new ApiError("invalid", { problem: "is none", option: "Host", expected });
  }
  const found = findRoute(request.method, pathname);
  if ("allowed" in found) {
    if (request.method === "OPTIONS" && found.allowed.length > 0) return preflight(found.allowed);
    return refuseRoute(request.method, pathname, found.allowed);
  }
  exchange.note({ route: found.route.path });
  const key = keyOf(context, request, found.route);
  exchange.note({ key: key.name });
  return await found.route.handler(context, { ...exchange, names: found.names, key });
}

function tooMany({ limits: { requests } }: ServerContext): ApiError {
  const problem = "too many requests are answered";
  return new ApiError("full", { problem, expected: `${requests} at a time at most` }, 1);
}

function keyOf(context: ServerContext, request: Request, { audience }: Route): KeyEntry {
  const key = authenticate(request, audience === "anyone" ? null : context.keys);
  if (audience !== "managers" || key.manages) return key;
  const expected = "a key that manages";
  throw new ApiError("notAllowed", { problem: "the key may not do this", expected });
}

function refuseRoute(method: string, path: string, allowed: readonly string[]): Response {
  const isThere = allowed.length > 0;
  const kind = isThere ? "wrongMethod" : "noRoute";
  const fault = isThere
    ? { problem: "takes no such method", value: method, expected: allowed.join(" or ") }
    : { problem: "is not here", value: path, expected: "a path of this API" };
  const response = new ApiError(kind, fault).toResponse();
  if (isThere) response.headers.set("Allow", allowed.join(", "));
  return response;
}

/** What a browser asks before it sends a page's request; {@linkcode allowOrigin} says to whom. */
function preflight(allowed: readonly string[]): Response {
  const headers = {
    "Access-Control-Allow-Methods": allowed.join(", "),
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
  };
  return new Response(null, { status: 204, headers });
}

function allowOrigin({ origins }: ServerContext, request: Request, headers: Headers): void {
  const origin = request.headers.get("Origin");
  if (origin === null || origins.length === 0) return;
  headers.append("Vary", "Origin");
  if (!origins.includes("*") && !origins.includes(origin)) return;
  headers.set("Access-Control-Allow-Origin", origin);
  headers.set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After");
}
