/**
 * Server-sent events: a response whose parts are sent as they come to be. A client that goes away, or does not read,
 * stops what makes them. Not here: what the parts say.
 */

import { ApiError } from "./api_error.ts";
import { clientGone, refusalOf } from "./refusals_of_errors.ts";

const HEADERS = {
  "Content-Type": "text/event-stream; charset=utf-8",
  // Compressing would gather parts.
  "Cache-Control": "no-cache, no-transform",
  // A proxy that gathers parts would hold a stream back.
  "X-Accel-Buffering": "no",
};

/** What a stream of events needs beside its parts. */
export interface EventOptions {
  /** Milliseconds for which a client may leave a part unread. */
  readonly stallMilliseconds: number;
  /** What ends a stream in OpenAI's protocol, once all parts were sent. */
  readonly last: string;
  /** Stops what makes the parts; a second time it does nothing. */
  readonly stop: (reason: ApiError) => void;
  /** Called when the stream has ended, well or badly. */
  readonly ended: (error?: ApiError) => void;
}

/** A response of events, a part each; an error while they are made is the last event. */
export function eventResponse(parts: AsyncIterator<unknown>, options: EventOptions): Response {
  const { stallMilliseconds, last, stop, ended } = options;
  const encoder = new TextEncoder();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isFinished = false;
  const finish = (error?: ApiError) => {
    clearTimeout(timer);
    if (isFinished) return;
    isFinished = true;
    if (error) stop(error);
    ended(error);
  };
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(timer);
      try {
        const { done, value } = await parts.next();
        if (isFinished) return;
        if (done) {
          controller.enqueue(encoder.encode(`data: ${last}\n\n`));
          controller.close();
          return finish();
        }
        controller.enqueue(encoder.encode(`data: ${JSON.stringify(value)}\n\n`));
        timer = setTimeout(() => {
          controller.error(unread());
          finish(unread());
        }, stallMilliseconds);
      } catch (error) {
        if (isFinished) return;
        const told = refusalOf(error);
        finish(told);
        controller.enqueue(encoder.encode(`event: error\ndata: ${JSON.stringify(told)}\n\n`));
        controller.close();
      }
    },
    cancel() {
      finish(clientGone());
    },
  }, { highWaterMark: 0 });
  return new Response(stream, { headers: HEADERS });
}

/** That a client asked for a stream and left it. */
export function unread(): ApiError {
  return new ApiError("slowClient", { problem: "the client does not read", expected: "a reader" });
}
