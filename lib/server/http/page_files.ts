/** The files of the page that a server shows at `/`, and nothing else of the disk. */

import { ApiError } from "./api_error.ts";

const FOLDER = new URL("../page/", import.meta.url);
const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};
const HEADERS = {
  "Cache-Control": "no-cache",
  "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
    "connect-src 'self'; img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  "Referrer-Policy": "no-referrer",
};

/**
 * A file of the page.
 *
 * @param name one file's, without folders.
 * @throws {ApiError} if there is none.
 */
export async function pageFile(name: string): Promise<Response> {
  const [, ending] = /^[a-z0-9_-]+\.([a-z]+)$/.exec(name) ?? [];
  const type = ending === undefined ? undefined : TYPES[ending];
  const bytes = type === undefined
    ? null
    : await Deno.readFile(new URL(name, FOLDER)).catch(() => null);
  if (type !== undefined && bytes !== null) {
    return new Response(bytes, { headers: { ...HEADERS, "Content-Type": type } });
  }
  const expected = "a file of the page";
  throw new ApiError("noRoute", { problem: "is not here", option: "path", value: name, expected });
}
