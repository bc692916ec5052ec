/** A file or part of one as an HTTP answer: 200, 206 or 416, and what a fault makes of it. */

import type { Fault } from "./faults.ts";
import type { ServedFile } from "./served_file.ts";

/** The answer to a request for a file's bytes. */
export function serveBytes(
  file: ServedFile,
  request: Request,
  fault: Fault,
  headers: Record<string, string> = {},
): Response {
  if (fault.pointer) return new Response(file.pointer, { headers });
  const asked = request.headers.get("Range")?.match(/^bytes=(\d+)-(\d*)$/);
  const range = fault.whole ? null : asked;
  const from = range ? Number(range[1]) : 0;
  const to = range?.[2] ? Math.min(file.size, Number(range[2]) + 1) : file.size;
  if (range && from >= file.size) {
    return new Response(null, {
      status: 416,
      headers: { ...headers, "Content-Range": `bytes */${file.size}` },
    });
  }
  const all: Record<string, string> = {
    ...headers,
    "Content-Length": String(to - from),
    "Content-Type": "application/octet-stream",
    ...fault.whole ? {} : { "Accept-Ranges": "bytes" },
  };
  if (range) all["Content-Range"] = `bytes ${from}-${to - 1}/${file.size}`;
  const body = request.method === "HEAD" ? null : stream(file, file.pieces(from, to), fault);
  return new Response(body, { status: range ? 206 : 200, headers: all });
}

function stream(
  file: ServedFile,
  pieces: Generator<Uint8Array<ArrayBuffer>>,
  { cut = Infinity, wrong = false }: Fault,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = cut;
  return new ReadableStream({
    pull(controller) {
      const { value, done } = pieces.next();
      if (done) return controller.close();
      const bytes = value.subarray(0, left);
      left -= bytes.length;
      file.sent += bytes.length;
      if (wrong) bytes.forEach((byte, index) => bytes[index] = byte ^ 1);
      if (bytes.length > 0) controller.enqueue(bytes);
      if (left === 0) controller.error(new Error("cut, as the test says"));
    },
    cancel: () => void pieces.return(undefined),
  }, { highWaterMark: 0 });
}
