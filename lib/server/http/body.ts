/**
 * The JSON of a request, read within bounds: bytes, time, UTF-8, nesting. What the JSON says is checked by schemas.
 */

import { ApiError } from "./api_error.ts";
import type { Limits } from "./limits.ts";

const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);
const QUOTE = 0x22, BACKSLASH = 0x5c;
const EXPECTED = "one JSON document";

/**
 * Reads a request's body. Only `application/json` is taken: a page of another origin cannot send that without
 * asking first (CORS), so that no web page drives a server on the machine of who looks at it.
 *
 * @throws {ApiError} if it is of another type, too large, too slow, not UTF-8, nested too deeply or not JSON.
 */
export async function readJsonBody(request: Request, limits: Limits): Promise<unknown> {
  const type = request.headers.get("Content-Type")?.split(";")[0].trim().toLowerCase() ?? "nothing";
  if (type !== "application/json") {
    const problem = "is of another type";
    const fault = { problem, option: "Content-Type", value: type, expected: "application/json" };
    throw new ApiError("notJson", fault);
  }
  const bytes = await readBytes(request, limits);
  checkDepth(bytes, limits.depth);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    const problem = cause instanceof TypeError ? "is not UTF-8" : "is not JSON";
    const value = cause instanceof SyntaxError ? cause.message : undefined;
    throw new ApiError("invalid", { problem: `the body ${problem}`, value, expected: EXPECTED });
  }
}

async function readBytes(request: Request, limits: Limits): Promise<Uint8Array<ArrayBuffer>> {
  const stated = Number(request.headers.get("Content-Length") ?? 0);
  if (stated > limits.bodyBytes) throw tooLarge(limits, stated);
  const reader = request.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const { promise: late, reject } = Promise.withResolvers<never>();
  // Held on to by the race below alone.
  late.catch(() => {});
  const timer = setTimeout(() => reject(tooSlow(limits)), limits.bodyMilliseconds);
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    while (true) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) break;
      length += value.length;
      if (length > limits.bodyBytes) throw tooLarge(limits, length);
      parts.push(value);
    }
  } catch (error) {
    await reader.cancel().catch(() => {});
    if (error instanceof ApiError) throw error;
    const problem = "the body ended early";
    throw new ApiError("clientGone", { problem, expected: "all of it", cause: error });
  } finally {
    clearTimeout(timer);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Brackets alone are counted, outside texts: what is no JSON is told of by its parser. */
function checkDepth(bytes: Uint8Array, most: number): void {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (OPEN.has(byte)) depth++;
    else if (CLOSE.has(byte)) depth--;
    if (depth <= most) continue;
    const problem = "the body is nested too deeply";
    throw new ApiError("invalid", { problem, expected: `${most} levels of [ and { at most` });
  }
}

function tooLarge({ bodyBytes }: Limits, length: number): ApiError {
  const problem = "the body is too large";
  const fault = { problem, value: `${length} bytes`, expected: `${bodyBytes} at most` };
  return new ApiError("tooLarge", fault);
}

function tooSlow({ bodyMilliseconds }: Limits): ApiError {
  const problem = "the body did not arrive in time";
  return new ApiError("slowClient", { problem, expected: `all of it in ${bodyMilliseconds} ms` });
}
