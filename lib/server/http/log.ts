/**
 * What a server tells of itself: a line of JSON an event. Never a prompt, an answer, a key or a header's text. Not
 * here: where lines go.
 */

/** What a line may say, beside its time and event. */
export interface LogFields {
  /** Of the request, as `X-Request-Id` tells the client. */
  readonly request?: string;
  /** The key's name. */
  readonly key?: string;
  /** Of HTTP. */
  readonly method?: string;
  /** A route, with names in it left open. */
  readonly route?: string;
  /** The model that was asked, or is told of. */
  readonly tenant?: string;
  /** Of HTTP. */
  readonly status?: number;
  /** OpenAI's code of a refusal, or why a text ended. */
  readonly code?: string;
  /** Of all prompts. */
  readonly promptTokens?: number;
  /** Of all answers. */
  readonly completionTokens?: number;
  /** From the request to its end. */
  readonly milliseconds?: number;
  /** A sentence. */
  readonly message?: string;
  /** Where the server listens. */
  readonly url?: string;
}

/** Takes an event. */
export type Log = (level: "info" | "warning" | "error", event: string, fields: LogFields) => void;

/**
 * A log that hands on lines of JSON: `time`, `level`, `event`, and what the event says.
 *
 * @example
 * ```ts
 * import { jsonLog } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const lines: string[] = [];
 * jsonLog((line) => lines.push(line))("info", "request", { tenant: "health", status: 200 });
 * assert.equal(JSON.parse(lines[0]).tenant, "health");
 * ```
 */
export function jsonLog(write: (line: string) => void, now: () => Date = () => new Date()): Log {
  return (level, event, fields) =>
    write(JSON.stringify({ time: now().toISOString(), level, event, ...fields }));
}
